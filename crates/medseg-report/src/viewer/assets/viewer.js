(async function () {
  "use strict";
  const element = (id) => document.getElementById(id);
  const message = element("message");
  const settings = JSON.parse(element("settings").textContent);
  const masks = settings.masks;
  /** The masks in the four channels of the overlay; more than that are packed as they are switched on. */
  const CHANNELS = 4;
  /** Width of the planes' lines in percent of the volume's. */
  const CROSSHAIR = 0.25;
  let channels = masks.map((_, at) => at).slice(0, CHANNELS);

  /** The bytes of a base64 element, which is emptied to save memory. */
  function bytesOf(id) {
    const text = element(id).textContent.trim();
    element(id).textContent = "";
    if (Uint8Array.fromBase64) { return Uint8Array.fromBase64(text); }
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) { bytes[i] = binary.charCodeAt(i); }
    return bytes;
  }

  async function unpacked(id) {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  /** A label's value, with its name if it has one. */
  function nameOf(mask, label) {
    return mask.names[label] ? label + " " + mask.names[label] : label;
  }

  function colourOfLabel(label) {
    const channel = (shift) => {
      const hue = Math.abs(((label * 0.61803399 + shift / 3) % 1) * 6 - 3) - 1;
      return Math.round(255 * (0.3 + 0.7 * Math.min(1, Math.max(0, hue))));
    };
    return [channel(0), channel(2), channel(1)];
  }
  const css = (colour) => "rgb(" + colour.join(",") + ")";

  try {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("This browser is too old: it cannot unpack gzip.");
    }
    if (!document.createElement("canvas").getContext("webgl2")) {
      throw new Error("This browser has no WebGL 2, or it is switched off.");
    }
    const library = document.createElement("script");
    library.textContent = new TextDecoder().decode(await unpacked("niivue"));
    document.head.appendChild(library);
    const { Niivue, NVImage } = window.niivue;

    const first = settings.windows[0];
    const nv = new Niivue({
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      multiplanarShowRender: 0,
      multiplanarPadPixels: 4,
      isColorbar: false,
      dragAndDropEnabled: false,
      crosshairColor: [0.62, 0.55, 0.2, 1],
      crosshairWidth: CROSSHAIR,
      crosshairWidthUnit: "percent",
      crosshairGap: 12,
      fontColor: [0.75, 0.78, 0.82, 1],
      logLevel: "error",
      loadingText: "",
    });
    // NiiVue calls this at double clicks, but at long and double touches too, which drags begin with.
    nv.resetBriCon = (event) => { if (event.type === "dblclick") { setWindow(first.low, first.high); } };
    const canvas = element("canvas");
    await nv.attachToCanvas(canvas);

    const image = await NVImage.loadFromUrl({
      url: await unpacked("volume-0"), name: "image.nii", colormap: "gray",
      cal_min: first.low, cal_max: first.high, trustCalMinMax: false,
    });
    // Exactly the window asked for, not one that fits the stored numbers.
    [image.cal_min, image.cal_max] = [first.low, first.high];

    /** Changes the volumes with one upload at the end, where NiiVue has one for each. */
    async function together(change) {
      nv.updateGLVolume = () => {};
      await change();
      delete nv.updateGLVolume;
      nv.updateGLVolume();
    }

    const labels = [];
    let header = null;
    for (let at = 0; at < masks.length; at++) {
      const file = await unpacked("volume-" + (at + 1));
      const start = new DataView(file).getFloat32(108, true);
      header = header || file.slice(0, start);
      labels.push(new Uint8Array(file, start));
    }

    let overlay = null;
    /** Puts the chosen masks into the channels of one RGBA volume on the image's grid. */
    async function pack() {
      if (!masks.length) { return; }
      const count = labels[0].length;
      const file = new ArrayBuffer(header.byteLength + CHANNELS * count);
      new Uint8Array(file).set(new Uint8Array(header));
      const fields = new DataView(file);
      fields.setInt16(68, 0, true);
      fields.setInt16(70, 2304, true);
      fields.setInt16(72, 32, true);
      fields.setFloat32(124, 0, true);
      const voxels = new Uint8Array(file, header.byteLength);
      channels.forEach((mask, channel) => {
        const from = labels[mask];
        for (let i = 0, to = channel; i < count; i++, to += CHANNELS) { voxels[to] = from[i]; }
      });
      if (overlay) { nv.removeVolume(overlay); }
      overlay = await NVImage.loadFromUrl({ url: file, name: "masks.nii", opacity: 1 });
      nv.addVolume(overlay);
    }
    await together(async () => {
      nv.addVolume(image);
      await pack();
      nv.setCustomSliceShader(settings.outline);
    });
    const shader = nv.customSliceShader;
    const byLabel = masks.length === 1 && masks[0].labels.length > 1;
    const shown = masks.map((_, at) => at < CHANNELS);
    let allShown = true;
    function draw() {
      const gl = nv.gl;
      shader.use(gl);
      const colours = new Float32Array(4 * CHANNELS);
      channels.forEach((mask, channel) => {
        const visible = allShown && shown[mask];
        // 2: the only one, whose line need not be broad.
        colours.set([...masks[mask].colour.map((c) => c / 255), visible ? (masks.length === 1 ? 2 : 1) : 0], 4 * channel);
      });
      gl.uniform4fv(gl.getUniformLocation(shader.program, "maskColours"), colours);
      gl.uniform1f(gl.getUniformLocation(shader.program, "labelColours"), byLabel ? 1 : 0);
      nv.overlayOutlineWidth = Number(element("line").value) * (window.devicePixelRatio || 1);
      nv.overlayAlphaShader = Number(element("fill").value);
      nv.drawScene();
    }

    // Masks.
    masks.forEach((mask, at) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = shown[at];
      const swatch = document.createElement("i");
      swatch.style.borderColor = css(mask.colour);
      label.append(box, byLabel ? "" : swatch, mask.name);
      if (!mask.labels.length || mask.labels.length > 1) {
        const small = document.createElement("small");
        if (byLabel) {
          mask.labels.slice(0, 40).forEach((value) => {
            const chip = document.createElement("b");
            chip.textContent = nameOf(mask, value);
            chip.style.background = css(colourOfLabel(value));
            small.append(chip);
          });
        } else {
          small.textContent = mask.labels.length ? mask.labels.length + " labels" : "empty";
        }
        label.append(small);
      }
      box.addEventListener("change", async () => {
        shown[at] = box.checked;
        if (box.checked && !channels.includes(at)) {
          // One channel is taken from a mask that is hidden, or from the one that has been shown longest.
          const hidden = channels.findIndex((mask) => !shown[mask]);
          const [gone] = channels.splice(Math.max(hidden, 0), 1);
          shown[gone] = false;
          element("masks").querySelectorAll("input")[gone].checked = false;
          channels.push(at);
          await together(pack);
        }
        draw();
      });
      element("masks").append(label);
    });
    if (!masks.length) { document.querySelectorAll(".outlines").forEach((e) => e.remove()); }

    // Windows.
    const choice = element("window");
    settings.windows.forEach((window, at) => choice.add(new Option(window.name, at)));
    choice.add(new Option("own", -1));
    const numbers = [element("centre"), element("width")];
    const rounded = (v) => Number(v.toPrecision(5));
    function showWindow() {
      const low = image.cal_min, high = image.cal_max;
      numbers[0].value = rounded((low + high) / 2);
      numbers[1].value = rounded(high - low);
      const near = (a, b) => Math.abs(a - b) <= 1e-5 * Math.max(1e-30, Math.abs(high - low));
      choice.value = settings.windows.findIndex((w) => near(w.low, low) && near(w.high, high));
    }
    function setWindow(low, high) {
      image.cal_min = low;
      image.cal_max = high;
      // The image alone: the masks stay as they are.
      nv.refreshLayers(image, 0);
      nv.drawScene();
      showWindow();
    }
    choice.addEventListener("change", () => {
      const window = settings.windows[choice.value];
      if (window) { setWindow(window.low, window.high); }
    });
    numbers.forEach((input) => input.addEventListener("change", () => {
      const [centre, width] = numbers.map((n) => Number(n.value));
      if (Number.isFinite(centre) && width > 0) { setWindow(centre - width / 2, centre + width / 2); } else { showWindow(); }
    }));
    nv.onIntensityChange = showWindow;

    // Slices: NiiVue's textures run to the patient's right, front and top.
    const sizes = image.dimsRAS.slice(1, 4);
    const sliders = [...document.querySelectorAll("#slices label")];
    const sliceOf = (axis) => Math.min(sizes[axis] - 1, Math.max(0, Math.floor(nv.scene.crosshairPos[axis] * sizes[axis])));
    function moveTo(axis, slice) {
      nv.scene.crosshairPos[axis] = (Math.min(sizes[axis] - 1, Math.max(0, slice)) + 0.5) / sizes[axis];
      nv.drawScene();
      nv.createOnLocationChange();
    }
    sliders.forEach((label) => {
      const axis = Number(label.dataset.axis);
      const input = label.querySelector("input");
      input.max = sizes[axis] - 1;
      input.addEventListener("input", () => moveTo(axis, Number(input.value)));
    });

    /** The voxel (i, j, k) of the file at RAS+ millimetres. */
    const rows = image.hdr.affine;
    const minor = (r, c) => {
      const [a, b] = [0, 1, 2].filter((n) => n !== r), [d, e] = [0, 1, 2].filter((n) => n !== c);
      return ((r + c) % 2 ? -1 : 1) * (rows[a][d] * rows[b][e] - rows[a][e] * rows[b][d]);
    };
    const determinant = [0, 1, 2].reduce((sum, c) => sum + rows[0][c] * minor(0, c), 0);
    const voxelAt = (mm) => [0, 1, 2].map((c) =>
      Math.round([0, 1, 2].reduce((sum, r) => sum + minor(r, c) * (mm[r] - rows[r][3]), 0) / determinant));

    function showPlace() {
      sliders.forEach((label) => {
        const axis = Number(label.dataset.axis), slice = sliceOf(axis);
        label.querySelector("input").value = slice;
        label.querySelector("output").textContent = slice + 1 + " / " + sizes[axis];
      });
      const mm = nv.frac2mm(nv.scene.crosshairPos, 0, true);
      const [w, h, d] = image.hdr.dims.slice(1, 4);
      const [i, j, k] = voxelAt(mm);
      const ends = [["L", "R"], ["P", "A"], ["I", "S"]];
      const place = [0, 1, 2].map((a) => ends[a][mm[a] < 0 ? 0 : 1] + " " + Math.abs(mm[a]).toFixed(1));
      const parts = [place.join("  ") + " mm"];
      if ([i, j, k].every((v, a) => v >= 0 && v < [w, h, d][a])) {
        const at = i + w * (j + h * k);
        parts.push("value " + rounded(image.img[at] * image.hdr.scl_slope + image.hdr.scl_inter));
        masks.forEach((mask, n) => { if (labels[n][at]) { parts.push(mask.name + (mask.labels.length > 1 ? " " + nameOf(mask, labels[n][at]) : "")); } });
      }
      element("where").textContent = parts.join(" · ");
    }
    nv.onLocationChange = showPlace;

    // Planes, gestures and zoom.
    let view = 3;
    /** The axial plane large, the others beside or below it. */
    function layOut() {
      const wide = canvas.clientWidth > 1.2 * canvas.clientHeight;
      const rest = wide ? [[0.6, 0, 0.4, 0.5], [0.6, 0.5, 0.4, 0.5]] : [[0, 0.56, 0.5, 0.44], [0.5, 0.56, 0.5, 0.44]];
      const position = [wide ? [0, 0, 0.6, 1] : [0, 0, 1, 0.56], ...rest];
      if (view === 3) {
        nv.setCustomLayout([0, 1, 2].map((sliceType) => ({ sliceType, position: position[sliceType] })));
      } else {
        nv.clearCustomLayout();
      }
    }
    new ResizeObserver(layOut).observe(canvas);
    function setView(next) {
      view = next;
      layOut();
      nv.setSliceType(view);
      document.querySelectorAll("[data-view]").forEach((b) => b.setAttribute("aria-pressed", Number(b.dataset.view) === view));
    }
    document.querySelectorAll("[data-view]").forEach((b) => b.addEventListener("click", () => setView(Number(b.dataset.view))));
    // NiiVue's drag modes: 3 moves the picture, 5 does nothing, 8 moves the planes.
    let drag = "planes";
    function setDrag(next) {
      drag = next;
      const mode = { planes: 8, window: 5, picture: 3 }[drag];
      nv.opts.mouseEventConfig = { leftButton: { primary: mode }, rightButton: 5, centerButton: 3 };
      nv.opts.touchEventConfig = { singleTouch: mode, doubleTouch: 3 };
    }
    element("drag").addEventListener("change", (event) => setDrag(event.target.value));
    setDrag(drag);
    // NiiVue moves the planes to every touch; here only where drags do. The wheel's steps come this way too.
    const click = nv.mouseClick.bind(nv);
    nv.mouseClick = (x, y, step = 0, isDelta = true) => (step !== 0 || drag === "planes") && click(x, y, step, isDelta);

    // The window follows a drag at a pace that fits its width; NiiVue's own way is for numbers as large as CT's.
    let last = null, pending = null;
    const windows = (event) => event.isPrimary && (event.buttons === 2 || (event.buttons === 1 && drag === "window"));
    canvas.addEventListener("pointerdown", (event) => { last = windows(event) ? [event.clientX, event.clientY] : null; });
    window.addEventListener("pointerup", () => { last = null; });
    canvas.addEventListener("pointermove", (event) => {
      if (!last || !windows(event) || pending) { return; }
      pending = requestAnimationFrame(() => {
        pending = null;
        const width = image.cal_max - image.cal_min, wider = width * Math.exp((event.clientX - last[0]) / 200);
        const centre = image.cal_min + width / 2 - (event.clientY - last[1]) * width / 300;
        last = [event.clientX, event.clientY];
        setWindow(centre - wider / 2, centre + wider / 2);
      });
    });

    /** Zooms around the crossing of the planes, or shows the whole picture. */
    function zoom(factor) {
      const [x, y, z, old] = nv.scene.pan2Dxyzmm;
      const next = factor ? Math.min(20, Math.max(1, old * factor)) : 1;
      const change = next - old, mm = nv.frac2mm(nv.scene.crosshairPos);
      nv.setPan2Dxyzmm(next === 1 ? [0, 0, 0, 1] : [x - change * mm[0], y - change * mm[1], z - change * mm[2], next]);
    }
    element("in").addEventListener("click", () => zoom(1.4));
    element("out").addEventListener("click", () => zoom(1 / 1.4));
    element("reset").addEventListener("click", () => zoom(0));

    // Outlines and fill.
    const strength = { line: "1.5", fill: "0.35" };
    ["line", "fill"].forEach((id) => element(id) && element(id).addEventListener("input", draw));
    function toggle(id) {
      const input = element(id);
      if (Number(input.value) > 0) { strength[id] = input.value; input.value = "0"; } else { input.value = strength[id]; }
      draw();
    }

    // Keys; NiiVue's own are not used.
    const axisOf = [2, 1, 0, 2];
    const step = (sign, event) => moveTo(axisOf[view], sliceOf(axisOf[view]) + sign * (event.shiftKey ? 10 : 1));
    const keys = {
      arrowup: (e) => step(1, e), arrowdown: (e) => step(-1, e), pageup: (e) => step(1, e), pagedown: (e) => step(-1, e),
      1: () => setView(3), 2: () => setView(0), 3: () => setView(1), 4: () => setView(2),
      w: () => {
        const window = settings.windows[(Number(choice.value) + 1) % settings.windows.length];
        setWindow(window.low, window.high);
      },
      o: () => masks.length && toggle("line"),
      f: () => masks.length && toggle("fill"),
      m: () => { allShown = !allShown; draw(); },
      c: () => { nv.opts.crosshairWidth = nv.opts.crosshairWidth ? 0 : CROSSHAIR; nv.drawScene(); },
      i: () => nv.setInterpolation(!nv.opts.isNearestInterpolation),
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: () => zoom(0),
    };
    window.addEventListener("keydown", (event) => {
      if (event.target === canvas) { event.stopPropagation(); }
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=number], select")) { return; }
      // A slider has keys of its own.
      if (event.target.closest("input[type=range]") && event.key.length > 1) { return; }
      const action = keys[event.key.toLowerCase()];
      if (action) { action(event); event.preventDefault(); }
    }, true);
    window.addEventListener("keyup", (event) => { if (event.target === canvas) { event.stopPropagation(); } }, true);

    nv.scene.crosshairPos = nv.mm2frac(settings.open_at, 0, true);
    setView(3);
    showWindow();
    draw();
    nv.createOnLocationChange();
    showPlace();
    message.textContent = "";
    document.documentElement.dataset.ready = "yes";
    // For tests and for the console.
    window.viewer = { nv };
  } catch (error) {
    message.textContent = "The volume cannot be shown: " + error.message;
    document.documentElement.dataset.ready = "no";
    throw error;
  }
})();
