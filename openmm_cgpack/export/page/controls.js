// The panel of a view: it switches and moves what a k3d plot holds. `K3DInstance` is the plot;
// what it shows, and in which layer and of which species each object is, stands in custom data.
const told = K3DInstance.parameters.customData;
const objects = Object.values(K3DInstance.getWorld().ObjectsListJson);
const slices = objects.find((item) => item.type === "VolumeSlice");
const layers = new Set(told.layers.filter((layer) => layer.on).map((layer) => layer.name));
const species = new Set(told.species.map((one) => one.name));

function element(name, attributes = {}, children = []) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

// A mesh that stands in several places comes once: its copies are made here, as one mesh.
function placeCopies(item) {
  const poses = new Float32Array(_base64ToArrayBuffer(item.custom_data.poses).buffer);
  const points = item.vertices.data;
  const faces = item.indices.data;
  const copies = poses.length / 12;
  const vertices = new Float32Array(copies * points.length);
  const indices = new Uint32Array(copies * faces.length);
  for (let c = 0; c < copies; c += 1) {
    const [a, b, d, e, f, g, h, i, j, x, y, z] = poses.subarray(12 * c, 12 * c + 12);
    const first = c * points.length;
    for (let p = 0; p < points.length; p += 3) {
      const [u, v, w] = [points[p], points[p + 1], points[p + 2]];
      vertices[first + p] = a * u + b * v + d * w + x;
      vertices[first + p + 1] = e * u + f * v + g * w + y;
      vertices[first + p + 2] = h * u + i * v + j * w + z;
    }
    for (let k = 0; k < faces.length; k += 1) {
      indices[c * faces.length + k] = faces[k] + first / 3;
    }
  }
  return {
    vertices: { data: vertices, shape: [vertices.length / 3, 3] },
    indices: { data: indices, shape: [indices.length / 3, 3] },
  };
}

// The slices come with a grey value and the number of a species in every voxel, and are shown as
// colours: those of the species that are on, over the grey.
const held = slices && [slices.volume].flat()[0];
const voxels = slices && { data: new Uint8Array(held.data.length).fill(255), shape: held.shape };
function colourVoxels() {
  const colours = told.species.map((one) => (
    layers.has("labels") && species.has(one.name)
      ? [1, 3, 5].map((at) => parseInt(one.colour.slice(at, at + 2), 16)) : null
  ));
  for (let v = 0; v < held.data.length; v += 4) {
    const grey = held.data[v];
    const number = held.data[v + 3];
    const colour = number > 0 ? colours[number - 1] : null;
    for (let k = 0; k < 3; k += 1) {
      voxels.data[v + k] = colour ? 0.35 * grey + 0.65 * colour[k] : grey;
    }
  }
  return { volume: voxels };
}

// What is switched on for the first time is completed then; later it is hidden and shown again.
const complete = new Set();
function draw() {
  const changed = [];
  for (const item of objects) {
    const { layer, species: name, poses } = item.custom_data || {};
    if (!layer) continue;
    item.visible = layers.has(layer) && (name === undefined || species.has(name));
    K3DInstance.getObjectById(item.id).visible = item.visible;
    if (item === slices) {
      if (item.visible) changed.push([item, colourVoxels()]);
    } else if (item.visible && poses && !complete.has(item)) {
      changed.push([item, placeCopies(item)]);
      complete.add(item);
    }
  }
  return Promise.all(changed.map(([item, values]) => (
    K3DInstance.reload(Object.assign(item, values), values, true)
  ))).then(() => K3DInstance.render());
}

function tick(set, name, children) {
  const box = element("input", { type: "checkbox", checked: set.has(name) });
  const label = element("label", { title: name }, [box, ...children]);
  label.classList.toggle("off", !box.checked);
  box.onchange = () => {
    if (box.checked) set.add(name);
    else set.delete(name);
    label.classList.toggle("off", !box.checked);
    // Labels lie on slices.
    if (set === layers && name === "labels" && box.checked && !layers.has("slices")) {
      panel.querySelector("[title=slices] input").click();
    }
    draw();
  };
  return label;
}

// The leftmost place of a slider is off.
function slider(name, most, value, { said, moved }) {
  const at = element("span", { className: "at" });
  const range = element("input", { type: "range", min: -1, max: most, step: 1, value, title: name });
  const say = () => { at.textContent = range.value < 0 ? "off" : said(Number(range.value)); };
  range.oninput = () => {
    moved(Number(range.value));
    say();
    K3DInstance.render();
  };
  say();
  return element("label", {}, [
    element("span", { className: "axis", textContent: name }), range, at,
  ]);
}

const panel = element("div", { id: "panel" });
const edges = told.size.map((edge) => edge.toPrecision(3)).join(" × ");
panel.append(
  element("h1", { textContent: told.title }),
  element("p", { textContent: `${edges} nm` }),
  element("h2", { textContent: "Show" }),
  ...told.layers.map((layer) => tick(layers, layer.name, [
    element("span", { className: "name", textContent: layer.name }),
  ])),
  element("h2", { textContent: "Species" }),
  ...told.species.map((one) => {
    const dot = element("span", { className: "dot" });
    dot.style.background = one.colour;
    return tick(species, one.name, [
      dot,
      element("span", { className: "name", textContent: one.name }),
      element("span", { className: "count", textContent: one.count }),
    ]);
  }),
);
if (slices) {
  const { shape } = held;
  const block = slices.custom_data.block;
  panel.append(element("h2", { textContent: "Slices at" }));
  ["x", "y", "z"].forEach((axis, k) => {
    const key = `slice_${axis}`;
    panel.append(slider(axis, shape[2 - k] - 1, slices[key], {
      said: (index) => `${(index * block).toFixed(1)} nm`,
      moved: (index) => {
        slices[key] = index;
        const { slice_x, slice_y, slice_z } = slices;
        K3DInstance.reload(slices, { slice_x, slice_y, slice_z }, true);
      },
    }));
  });
}

const STEPS = 200;
const depth = told.size[1];
const cut = (step) => K3DInstance.setClippingPlanes(
  step < 0 ? [] : [[0, 1, 0, -(step / STEPS) * depth]],
);
const opened = told.cut === null ? -1 : Math.round((told.cut / depth) * STEPS);
panel.append(
  element("h2", { textContent: "Cut open at" }),
  slider("y", STEPS, opened, {
    said: (step) => `${((step / STEPS) * depth).toFixed(1)} nm`,
    moved: cut,
  }),
);
const camera = [...K3DInstance.parameters.camera];
panel.append(element("div", { className: "row" }, [
  element("button", {
    textContent: "reset view",
    onclick: () => K3DInstance.setCamera(camera),
  }),
]));
document.body.append(panel);

// The plot draws more than once while it finds its size and its camera: what is heavy waits until
// then, and is drawn once.
const nextFrame = () => new Promise((done) => { requestAnimationFrame(done); });
cut(opened);
nextFrame().then(nextFrame).then(draw).then(() => { document.body.dataset.drawn = "true"; });
