// An Earth to turn: colors of the cells of a map, in plain JavaScript on a canvas.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("globe-data").textContent);
  var root = document.getElementById("globe"), canvas = root.querySelector("canvas");
  var what = root.querySelector("select"), slider = root.querySelector("input");
  var sliderRow = root.querySelector(".globe-slider"), sliderName = root.querySelector(".globe-step");
  var readout = root.querySelector("output"), bar = root.querySelector(".globe-bar");
  var ends = root.querySelectorAll(".globe-end"), unit = root.querySelector(".globe-unit");
  var context = canvas.getContext("2d"), deg = Math.PI / 180;
  var lon0 = data.middle[0] * deg, lat0 = data.middle[1] * deg;
  var size = 0, radius = 0, picture = null, xs = null, ys = null, zs = null, where = null;
  var group = data.groups[0], layer = null, pointer = null, pinned = null, waiting = false;

  data.colors = data.colors.match(/../g).map(function (pair) { return parseInt(pair, 16); });

  function unpack(one) {
    if (!one.values) {
      var bytes = atob(one.data), words = new Uint16Array(bytes.length / 2);
      for (var i = 0; i < words.length; i += 1) {
        words[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
      }
      one.values = words;
    }
    return one;
  }
  function valueOf(one, word) {
    if (word === 65535) { return NaN; }
    var share = word / 65534;
    return one.log ? one.low * Math.pow(one.high / one.low, share)
      : one.low + share * (one.high - one.low);
  }
  function paletteOf(one) {
    if (!one.palette) {
      var palette = new Uint8Array(65536), last = data.colors.length / 3 - 1;
      var from = one.log ? Math.log(one.from) : one.from, to = one.log ? Math.log(one.to) : one.to;
      for (var word = 0; word < 65535; word += 1) {
        var value = valueOf(one, word), x = one.log ? Math.log(value) : value;
        var share = one.note ? one.shade : (x - from) / (to - from);
        share = Math.min(1, Math.max(0, share));
        palette[word] = Math.round(last * (one.less ? 1 - share : share));
      }
      one.palette = palette;
    }
    return one.palette;
  }
  function text(value) {
    if (!isFinite(value)) { return "no value"; }
    var size = Math.abs(value);
    if (size !== 0 && (size < 0.001 || size >= 1e6)) { return value.toExponential(2); }
    return String(Number(value.toPrecision(3)));
  }

  function resize() {
    var width = Math.min(root.clientWidth, 620), scale = Math.min(window.devicePixelRatio || 1, 2);
    var wanted = Math.max(200, Math.round(width * scale));
    if (wanted === size) { return; }
    size = wanted;
    canvas.width = canvas.height = size;
    canvas.style.width = canvas.style.height = Math.round(size / scale) + "px";
    radius = size / 2 - 2;
    picture = context.createImageData(size, size);
    var inside = [];
    for (var row = 0; row < size; row += 1) {
      for (var column = 0; column < size; column += 1) {
        var x = (column + 0.5 - size / 2) / radius, y = (size / 2 - row - 0.5) / radius;
        if (x * x + y * y < 1) { inside.push(row * size + column); }
      }
    }
    where = new Uint32Array(inside);
    xs = new Float32Array(where.length); ys = new Float32Array(where.length);
    zs = new Float32Array(where.length);
    for (var i = 0; i < where.length; i += 1) {
      xs[i] = (where[i] % size + 0.5 - size / 2) / radius;
      ys[i] = (size / 2 - Math.floor(where[i] / size) - 0.5) / radius;
      zs[i] = Math.sqrt(1 - xs[i] * xs[i] - ys[i] * ys[i]);
    }
    draw();
  }
  function cellAt(lat, lon) {
    var row = Math.floor((lat / deg - data.south) / data.step[0]);
    var east = (lon / deg - data.west) % 360;
    if (east < 0) { east += 360; }
    var column = Math.floor(east / data.step[1]);
    if (row < 0 || row >= data.rows || column >= data.columns) { return -1; }
    return row * data.columns + column;
  }
  function paint() {
    waiting = false;
    var pixels = picture.data, colors = data.colors, palette = paletteOf(layer);
    var values = layer.values, cos = Math.cos(lat0), sin = Math.sin(lat0);
    for (var i = 0; i < where.length; i += 1) {
      var out = zs[i] * cos - ys[i] * sin, up = zs[i] * sin + ys[i] * cos;
      var cell = cellAt(Math.asin(up), lon0 + Math.atan2(xs[i], out)), at = 4 * where[i];
      var word = cell < 0 ? 65535 : values[cell];
      if (word === 65535) {
        pixels[at] = pixels[at + 1] = pixels[at + 2] = cell < 0 ? 242 : 222;
      } else {
        var color = 3 * palette[word];
        pixels[at] = colors[color]; pixels[at + 1] = colors[color + 1];
        pixels[at + 2] = colors[color + 2];
      }
      pixels[at + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    drawLines();
    tell();
  }
  function draw() {
    if (!waiting && layer && size) { waiting = true; requestAnimationFrame(paint); }
  }
  function project(lonDeg, latDeg) {
    var lon = lonDeg * deg - lon0, lat = latDeg * deg;
    var x = Math.cos(lat) * Math.sin(lon), out = Math.cos(lat) * Math.cos(lon), up = Math.sin(lat);
    return [size / 2 + radius * x, size / 2 - radius * (up * Math.cos(lat0) - out * Math.sin(lat0)),
      up * Math.sin(lat0) + out * Math.cos(lat0)];
  }
  function trace(points) {
    var drawing = false;
    for (var i = 0; i < points.length; i += 2) {
      var at = project(points[i], points[i + 1]);
      if (at[2] < 0) { drawing = false; continue; }
      if (drawing) { context.lineTo(at[0], at[1]); } else { context.moveTo(at[0], at[1]); }
      drawing = true;
    }
  }
  function stroke(color, width) {
    context.strokeStyle = color;
    context.lineWidth = width * size / 600;
    context.stroke();
  }
  function drawLines() {
    var line, i, j;
    context.lineJoin = "round";
    context.beginPath();
    for (i = -60; i <= 60; i += 30) {
      for (line = [], j = -180; j <= 180; j += 4) { line.push(j, i); }
      trace(line);
    }
    for (i = -180; i < 180; i += 30) {
      for (line = [], j = -88; j <= 88; j += 4) { line.push(i, j); }
      trace(line);
    }
    stroke("rgba(255,255,255,0.35)", 0.8);
    context.beginPath();
    data.land.forEach(trace);
    stroke("rgba(255,255,255,0.7)", 2.6);
    stroke("#1a1a1a", 1.1);
    context.beginPath();
    context.arc(size / 2, size / 2, radius, 0, 2 * Math.PI);
    stroke("#6b6b6b", 1.5);
    if (pinned) {
      var at = project(pinned[0], pinned[1]);
      if (at[2] > 0) {
        context.beginPath();
        context.arc(at[0], at[1], 6 * size / 600, 0, 2 * Math.PI);
        stroke("#ffffff", 4);
        stroke("#1a1a1a", 2);
      }
    }
  }
  function placeAt(event) {
    var box = canvas.getBoundingClientRect(), scale = size / box.width;
    var x = ((event.clientX - box.left) * scale - size / 2) / radius;
    var y = (size / 2 - (event.clientY - box.top) * scale) / radius, square = x * x + y * y;
    if (square >= 1) { return null; }
    var z = Math.sqrt(1 - square), out = z * Math.cos(lat0) - y * Math.sin(lat0);
    var lon = (lon0 + Math.atan2(x, out)) / deg;
    return [((lon + 180) % 360 + 360) % 360 - 180,
      Math.asin(z * Math.sin(lat0) + y * Math.cos(lat0)) / deg];
  }
  function tell(place) {
    place = place || pinned;
    if (!place) {
      readout.textContent = "Drag to turn. Point at or tap a place for its value.";
      return;
    }
    var cell = cellAt(place[1] * deg, place[0] * deg);
    var value = cell < 0 ? NaN : valueOf(layer, layer.values[cell]);
    readout.textContent = Math.abs(place[1]).toFixed(1) + (place[1] < 0 ? "° S, " : "° N, ")
      + Math.abs(place[0]).toFixed(1) + (place[0] < 0 ? "° W: " : "° E: ")
      + text(value) + (isFinite(value) && layer.unit ? " " + layer.unit : "");
  }
  function choose() {
    layer = unpack(group.layers[Number(slider.value)]);
    sliderName.textContent = layer.label;
    slider.setAttribute("aria-valuetext", layer.label);
    var alone = layer.low === layer.high ? text(layer.low) : "";
    ends[0].textContent = layer.note ? alone
      : (layer.low < layer.from ? "\u2264 " : "") + text(layer.from);
    ends[1].textContent = layer.note ? ""
      : (layer.high > layer.to ? "\u2265 " : "") + text(layer.to);
    unit.textContent = (layer.unit ? "[" + layer.unit + "]" : "")
      + (layer.log ? " logarithmic" : "") + (layer.note ? " " + layer.note : "");
    var stops = [], last = data.colors.length / 3 - 1;
    for (var i = 0; i <= 16; i += 1) {
      var share = layer.note ? layer.shade : i / 16;
      var at = 3 * Math.round(last * (layer.less ? 1 - share : share));
      stops.push("rgb(" + data.colors.slice(at, at + 3).join(",") + ")");
    }
    bar.style.visibility = layer.note && !alone ? "hidden" : "visible";
    bar.style.background = "linear-gradient(to right," + stops.join(",") + ")";
    draw();
  }
  data.groups.forEach(function (one, i) {
    var option = document.createElement("option");
    option.value = i;
    option.textContent = one.name;
    what.appendChild(option);
  });
  what.addEventListener("change", function () {
    group = data.groups[Number(what.value)];
    slider.max = group.layers.length - 1;
    slider.value = 0;
    sliderRow.hidden = group.layers.length < 2;
    choose();
  });
  slider.addEventListener("input", choose);
  canvas.addEventListener("pointerdown", function (event) {
    canvas.setPointerCapture(event.pointerId);
    pointer = { x: event.clientX, y: event.clientY, moved: 0 };
  });
  canvas.addEventListener("pointermove", function (event) {
    if (!pointer) {
      tell(placeAt(event));
      return;
    }
    var scale = 1 / (canvas.getBoundingClientRect().width / 2);
    var dx = event.clientX - pointer.x, dy = event.clientY - pointer.y;
    pointer.moved += Math.abs(dx) + Math.abs(dy);
    lon0 -= dx * scale / Math.max(0.3, Math.cos(lat0));
    lat0 = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, lat0 + dy * scale));
    pointer.x = event.clientX;
    pointer.y = event.clientY;
    draw();
  });
  canvas.addEventListener("pointerup", function (event) {
    if (pointer && pointer.moved < 6) { pinned = placeAt(event); draw(); }
    pointer = null;
  });
  canvas.addEventListener("pointercancel", function () { pointer = null; });
  canvas.addEventListener("pointerleave", function () { if (!pointer) { tell(); } });
  canvas.addEventListener("keydown", function (event) {
    var step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] };
    var turn = step[event.key];
    if (!turn) { return; }
    event.preventDefault();
    lon0 += turn[0] * deg;
    lat0 = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, lat0 + turn[1] * deg));
    draw();
  });
  window.addEventListener("resize", resize);
  what.dispatchEvent(new Event("change"));
  resize();
})();
