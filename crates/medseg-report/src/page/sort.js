document.querySelectorAll("table.sortable").forEach(function (table) {
  var heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var key = function (row) { return row.cells[column].textContent.replace("−", "-").replace("∞", "Infinity"); };
      var compare = function (a, b) {
        var x = key(a), y = key(b), m = parseFloat(x), n = parseFloat(y);
        if (x === "n/a" || y === "n/a") { return (x === "n/a") - (y === "n/a"); }
        var order = column > 0 && !isNaN(m) && !isNaN(n) ? m - n || 0 : x.localeCompare(y, "en", { numeric: true });
        return down ? -order : order;
      };
      var body = table.tBodies[0];
      Array.from(body.rows).sort(compare).forEach(function (row) { body.appendChild(row); });
    });
  });
});
