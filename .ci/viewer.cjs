// Checks the pages that the test `pages_for_a_browser` wrote; called by .ci/viewer with their folder.
const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const folder = path.resolve(process.argv[2]);
const browserPath = process.env.CHROMIUM || "/usr/bin/chromium";
// Software WebGL, and nothing that a browser does on its own account.
const args = [
  "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
  "--host-resolver-rules=MAP * ~NOTFOUND",
];
const DESKTOP = { viewport: { width: 1280, height: 860 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Opens a page without a network, gives it to `check`, and fails on every request, error or message of the console. */
async function open(browser, name, device, check) {
  const context = await browser.newContext({ ...device, offline: true });
  const page = await context.newPage();
  const faults = [], url = "file://" + path.join(folder, name);
  page.on("request", (request) => { if (request.url() !== url && !request.url().startsWith("blob:")) { faults.push("request " + request.url().slice(0, 200)); } });
  page.on("console", (message) => faults.push("console " + message.text()));
  page.on("pageerror", (error) => faults.push("error " + error.message));
  page.on("dialog", (dialog) => { faults.push("dialog"); dialog.dismiss(); });
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { timeout: 120000 });
  assert.equal(await page.getAttribute("html", "data-ready"), "yes", await page.textContent("#message"));
  await check(page);
  assert.deepEqual(faults, [], name);
  await context.close();
  console.log("test " + name + (device === PHONE ? " on a phone" : "") + " ... ok");
  passed++;
}
let passed = 0;

/** The picture drawn now: per plane the share of pixels that are not black, and counts of pixels near the colours given. */
function look(page, colours = []) {
  return page.evaluate((colours) => {
    const { nv } = window.viewer;
    nv.drawScene();
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [nv.canvas.width, nv.canvas.height];
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(nv.canvas, 0, 0);
    const planes = nv.screenSlices.map((tile) => {
      const [left, top, width, height] = tile.leftTopWidthHeight.map(Math.round);
      const { data } = context.getImageData(left, top, width, height);
      let lit = 0, sum = 0;
      for (let i = 0; i < data.length; i += 4) {
        lit += data[i] + data[i + 1] + data[i + 2] > 60;
        // A sum that tells pictures apart.
        sum = (sum * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 2]) % 1000000007;
      }
      return { plane: tile.axCorSag, lit: lit / (data.length / 4), sum };
    });
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    const counts = colours.map(([r, g, b]) => {
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        count += Math.abs(data[i] - r) < 3 && Math.abs(data[i + 1] - g) < 3 && Math.abs(data[i + 2] - b) < 3;
      }
      return count;
    });
    return { planes, counts };
  }, colours);
}

const slices = (page) => page.$$eval("#slices output", (all) => all.map((o) => parseInt(o.textContent, 10)));
/** The middle of a plane on the screen. */
async function middle(page, plane) {
  const box = await (await page.$("canvas")).boundingBox();
  const [left, top, width, height] = await page.evaluate((plane) =>
    window.viewer.nv.screenSlices.find((t) => t.axCorSag === plane).leftTopWidthHeight.map((v) => v / window.devicePixelRatio), plane);
  return [box.x + left + width / 2, box.y + top + height / 2];
}

const [BLUE, ORANGE, GREEN, PINK, YELLOW, VIOLET] =
  [[64, 156, 255], [255, 159, 28], [0, 200, 140], [240, 110, 190], [240, 228, 66], [160, 130, 255]];

async function main() {
  const browser = await chromium.launch({ executablePath: browserPath, headless: true, args });

  await open(browser, "phantom.html", DESKTOP, async (page) => {
    let seen = await look(page, [BLUE, ORANGE]);
    assert.deepEqual(seen.planes.map((p) => p.plane).sort(), [0, 1, 2]);
    for (const { plane, lit } of seen.planes) { assert(lit > 0.2, `plane ${plane} is black: ${lit}`); }
    assert(seen.counts.every((n) => n > 500), "both outlines: " + seen.counts);
    await page.screenshot({ path: path.join(folder, "phantom.png") });

    // The wheel goes through the slices of the plane under it, and the picture follows.
    for (const [plane, at] of [[0, 0], [1, 1], [2, 2]]) {
      const before = await slices(page), old = await look(page);
      const [x, y] = await middle(page, plane);
      await page.mouse.move(x, y);
      for (let i = 0; i < 3; i++) { await page.mouse.wheel(0, 100); }
      await page.waitForFunction(([at, old]) => document.querySelectorAll("#slices output")[at].textContent.split(" ")[0] != old, [at, before[at]]);
      const now = await slices(page), picture = await look(page);
      now.forEach((slice, n) => assert.equal(slice !== before[n], n === at, `plane ${plane}: ${before} to ${now}`));
      const sum = (look) => look.planes.find((p) => p.plane === plane).sum;
      assert.notEqual(sum(picture), sum(old), "another picture");
    }
    // Keys: slices, windows, masks, outlines, fill, views.
    const before = await slices(page);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Shift+ArrowDown");
    assert.equal((await slices(page))[0], before[0] + 1 - 10);
    const window = () => page.$eval("#window", (s) => s.selectedOptions[0].text);
    const names = [];
    for (let i = 0; i < 6; i++) { names.push(await window()); await page.keyboard.press("w"); }
    assert.deepEqual(names, ["abdomen", "liver", "lung", "bone", "automatic", "full range"]);
    assert.equal(await window(), "abdomen");
    await page.keyboard.press("m");
    assert.deepEqual((await look(page, [BLUE, ORANGE])).counts, [0, 0]);
    await page.keyboard.press("m");
    const outlines = (await look(page, [BLUE, ORANGE])).counts;
    await page.uncheck("#masks input >> nth=0");
    seen = await look(page, [BLUE, ORANGE]);
    assert(seen.counts[0] === 0 && seen.counts[1] > 500);
    await page.check("#masks input >> nth=0");
    await page.keyboard.press("o");
    assert.deepEqual((await look(page, [BLUE, ORANGE])).counts, [0, 0]);
    await page.keyboard.press("o");
    assert.deepEqual((await look(page, [BLUE, ORANGE])).counts, outlines);
    const plain = await look(page);
    await page.keyboard.press("f");
    assert.notEqual((await look(page)).planes[0].sum, plain.planes[0].sum, "filled");
    await page.screenshot({ path: path.join(folder, "filled.png") });
    await page.keyboard.press("f");
    for (const [key, planes] of [["2", [0]], ["3", [1]], ["4", [2]], ["1", [0, 1, 2]]]) {
      await page.keyboard.press(key);
      assert.deepEqual((await look(page)).planes.map((p) => p.plane).sort(), planes);
    }
    await page.keyboard.press("2");
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await page.screenshot({ path: path.join(folder, "zoomed.png") });
    await page.keyboard.press("0");
    await page.keyboard.press("1");
    // A window by numbers, and one that is none.
    await page.fill("#width", "100");
    await page.press("#width", "Enter");
    assert.equal(await window(), "own");
    await page.fill("#width", "-5");
    await page.press("#width", "Enter");
    assert.equal(await page.inputValue("#width"), "100");
    // A drag with the right button sets the window.
    const [x, y] = await middle(page, 0);
    await page.mouse.move(x, y);
    await page.mouse.down({ button: "right" });
    await page.mouse.move(x + 60, y + 40, { steps: 5 });
    await page.mouse.up({ button: "right" });
    await page.waitForFunction(() => document.getElementById("width").value > 110 && document.getElementById("centre").value < 35);
    await page.mouse.dblclick(x, y);
    assert.equal(await window(), "abdomen");
    // A click moves the other planes.
    const still = await slices(page);
    await page.mouse.click(x + 70, y + 50);
    const moved = await slices(page);
    assert(moved[0] === still[0] && moved[1] !== still[1] && moved[2] !== still[2], `${still} to ${moved}`);
    assert.match(await page.textContent("#where"), /^[LR] [\d.]+ {2}[AP] [\d.]+ {2}[SI] [\d.]+ mm · value -?\d/);
  });

  await open(browser, "phantom.html", PHONE, async (page) => {
    const seen = await look(page, [BLUE, ORANGE]);
    for (const { plane, lit } of seen.planes) { assert(lit > 0.2, `plane ${plane} is black: ${lit}`); }
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than the phone");
    await page.screenshot({ path: path.join(folder, "phone.png") });
    const [x, y] = await middle(page, 0);
    const touch = await page.context().newCDPSession(page);
    const finger = (type, at) => touch.send("Input.dispatchTouchEvent", { type, touchPoints: at ? [{ x: at[0], y: at[1], id: 0 }] : [] });
    const fingers = (type, gap) => touch.send("Input.dispatchTouchEvent", {
      type, touchPoints: gap === null ? [] : [{ x: x - gap, y, id: 0 }, { x: x + gap, y, id: 1 }],
    });
    // A tap moves the other planes; a slider and two fingers go through the slices.
    let before = await slices(page);
    // As long as a finger's tap.
    await finger("touchStart", [x + 30, y + 30]);
    await page.waitForTimeout(80);
    await finger("touchEnd");
    await page.waitForTimeout(300);
    let now = await slices(page);
    assert(now[0] === before[0] && now[1] !== before[1] && now[2] !== before[2], `a tap: ${before} to ${now}`);
    await page.fill("#slices input >> nth=0", "5");
    assert.equal((await slices(page))[0], 6);
    before = await slices(page);
    await page.waitForTimeout(700);
    await fingers("touchStart", 20);
    for (let gap = 25; gap < 60; gap += 5) { await fingers("touchMove", gap); }
    await fingers("touchEnd", null);
    await page.waitForTimeout(300);
    now = await slices(page);
    assert.notEqual(now[0], before[0], `two fingers: ${before} to ${now}`);
    // One finger moves the planes, without another window however long it takes; or sets the window.
    before = await slices(page);
    const dragged = async () => {
      await page.waitForTimeout(700);
      await finger("touchStart", [x, y]);
      for (let i = 1; i < 8; i++) { await finger("touchMove", [x + 8 * i, y - 4 * i]); await page.waitForTimeout(200); }
      await finger("touchEnd");
    };
    await dragged();
    await page.waitForTimeout(300);
    now = await slices(page);
    assert(now[0] === before[0] && now[1] !== before[1] && now[2] !== before[2], `one finger: ${before} to ${now}`);
    assert.equal(await page.inputValue("#width"), "400");
    await page.selectOption("#drag", "window");
    await dragged();
    assert.deepEqual(await slices(page), now);
    assert(Number(await page.inputValue("#width")) > 420);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.screenshot({ path: path.join(folder, "phone-below.png") });
  });

  await open(browser, "labels.html", DESKTOP, async (page) => {
    assert.deepEqual(await page.$$eval("#masks b", (all) => all.map((b) => b.textContent)), ["1", "2"]);
    const colours = await page.$$eval("#masks b", (all) => all.map((b) => b.style.background.match(/\d+/g).map(Number)));
    const { counts } = await look(page, colours);
    assert(counts[0] > 300, "the liver's outline: " + counts);
    await page.screenshot({ path: path.join(folder, "labels.png") });
  });

  for (const [name, note] of [["reduced.html", /^Reduced for this page/], ["cropped.html", /^Cut for this page/]]) {
    await open(browser, name, DESKTOP, async (page) => {
      assert.match(await page.textContent(".note"), note);
      const { planes, counts } = await look(page, [BLUE, ORANGE]);
      assert(planes.length === 3 && planes.every((p) => p.lit > 0.2) && counts.every((n) => n > 200), counts.join());
      await page.screenshot({ path: path.join(folder, name.replace("html", "png")) });
    });
  }

  await open(browser, "boxes.html", DESKTOP, async (page) => {
    // Labels of all four channels, exact on axes that are turned, swapped and sheared.
    let { counts } = await look(page, [BLUE, ORANGE, GREEN, PINK, YELLOW, VIOLET]);
    assert(counts.slice(0, 4).every((n) => n > 100) && counts[4] === 0 && counts[5] === 0, counts.join());
    await page.screenshot({ path: path.join(folder, "boxes.png") });
    await page.check("#masks input >> nth=5");
    await page.waitForTimeout(500);
    ({ counts } = await look(page, [BLUE, ORANGE, GREEN, PINK, YELLOW, VIOLET]));
    assert(counts[0] === 0 && counts[5] > 100 && counts[1] > 100, "a fifth mask takes the first one's place: " + counts);
    assert.deepEqual(await page.$$eval("#masks input", (all) => all.map((b) => b.checked)), [false, true, true, true, false, true]);
    // Each place's voxel and label are those of the file: the boxes lie one after the other along the first axis.
    const labels = await page.evaluate(() => {
      const { nv } = window.viewer, [i, j, k] = [30, 30, 30];
      const found = [];
      for (let n = 0; n < 6; n++) {
        const at = [9 * n + 6, j, k], a = nv.volumes[0].hdr.affine;
        const mm = [0, 1, 2].map((r) => a[r][0] * at[0] + a[r][1] * at[1] + a[r][2] * at[2] + a[r][3]);
        nv.scene.crosshairPos = nv.mm2frac(mm, 0, true);
        nv.createOnLocationChange();
        found.push(document.getElementById("where").textContent.split(" · ").slice(2).join());
      }
      return found;
    });
    assert.deepEqual(labels, ["a", "b", "c", "d", "e", "f"]);
  });

  await open(browser, "hostile.html", DESKTOP, async (page) => {
    assert.equal(await page.title(), "hostile.html");
    assert.match(await page.textContent("#masks label"), /^<\/script><script>document\.title/);
    assert.equal(await page.$$eval("img", (all) => all.length), 0);
  });

  await browser.close();
  console.log(`\n${passed} passed, 0 failed`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
