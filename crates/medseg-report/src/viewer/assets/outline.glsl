#version 300 es
precision highp int;
precision highp float;
// NiiVue's, which reads one name a line: the image with its window applied, the masks' labels in the channels of one volume.
uniform highp sampler3D volume;
uniform highp sampler3D overlay;
uniform float overlays;
uniform float opacity;
uniform float overlayOutlineWidth;
uniform float overlayAlphaShader;
// The page's: colour of each channel and whether it is shown; 1 where labels have colours of their own.
uniform vec4 maskColours[4];
uniform float labelColours;
in vec3 texPos;
out vec4 color;

ivec4 labelsAt(vec3 at) {
  if (any(lessThan(at, vec3(0.0))) || any(greaterThanEqual(at, vec3(1.0)))) { return ivec4(0); }
  vec3 size = vec3(textureSize(overlay, 0));
  return ivec4(texelFetch(overlay, ivec3(at * size), 0) * 255.0 + 0.5);
}

vec3 colourOf(int mask, int label) {
  if (labelColours < 0.5) { return maskColours[mask].rgb; }
  // Hues as far apart as the golden ratio puts them.
  vec3 hue = abs(fract(float(label) * 0.61803399 + vec3(0.0, 2.0, 1.0) / 3.0) * 6.0 - 3.0) - 1.0;
  return mix(vec3(1.0), clamp(hue, 0.0, 1.0), 0.7);
}

void main() {
  color = vec4(texture(volume, texPos).rgb, opacity);
  // One pixel of the screen to the right and up, in the volume.
  vec3 right = dFdx(texPos), up = dFdy(texPos);
  if (overlays < 1.0) { return; }
  ivec4 here = labelsAt(texPos);
  for (int mask = 0; mask < 4; mask++) {
    if (maskColours[mask].a > 0.5 && here[mask] > 0) {
      color.rgb = mix(color.rgb, colourOf(mask, here[mask]), overlayAlphaShader);
    }
  }
  if (overlayOutlineWidth <= 0.0) { return; }
  // The first mask's line is broad, so that it shows on either side of another on the same place.
  for (int mask = 0; mask < 4; mask++) {
    if (maskColours[mask].a < 0.5) { continue; }
    float radius = overlayOutlineWidth * (maskColours[mask].a > 1.5 ? 0.75 : mask == 0 ? 1.0 : 0.5);
    int edge = 0;
    for (int step = 0; step < 8; step++) {
      float angle = float(step) * 0.78539816;
      int there = labelsAt(texPos + radius * (cos(angle) * right + sin(angle) * up))[mask];
      if (there != here[mask]) { edge = max(edge, max(there, here[mask])); }
    }
    if (edge > 0) { color.rgb = colourOf(mask, edge); }
  }
}
