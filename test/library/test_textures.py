"""Textures and samplers from Python, against NumPy."""

import numpy as np
import pytest

import anymetal

COPY = """
#include <metal_stdlib>
using namespace metal;
kernel void scale(texture2d<float, access::read> in [[texture(0)]], constant float& factor [[buffer(0)]],
                  texture2d<float, access::write> out [[texture(1)]], uint2 at [[thread_position_in_grid]]) {
  out.write(in.read(at) * factor, at);
}
kernel void resize(texture2d<float> in, sampler s, texture2d<float, access::write> out, uint2 at [[thread_position_in_grid]]) {
  const float2 size = float2(out.get_width(), out.get_height());
  if (any(float2(at) >= size)) return;
  out.write(in.sample(s, (float2(at) + 0.5f) / size), at);
}
kernel void choose(array<texture2d<float>, 3> all, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = all[i].read(uint2(1, 0)).x;
}
struct Scene {
  texture3d<float> volume [[id(0)]];
  sampler linear [[id(1)]];
  device float* out [[id(2)]];
  float x [[id(3)]];
};
kernel void sample_scene(constant Scene& scene [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  scene.out[i] = scene.volume.sample(scene.linear, float3(scene.x, 0.5f, (i + 0.5f) / 4)).x;
}
"""


@pytest.fixture(scope="module")
def library():
    return anymetal.Library(COPY)


def bilinear(image, height, width):
    y = np.clip((np.arange(height) + 0.5) / height * image.shape[0] - 0.5, 0, image.shape[0] - 1)
    x = np.clip((np.arange(width) + 0.5) / width * image.shape[1] - 0.5, 0, image.shape[1] - 1)
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    y1, x1 = np.minimum(y0 + 1, image.shape[0] - 1), np.minimum(x0 + 1, image.shape[1] - 1)
    fy, fx = (y - y0)[:, None, None], (x - x0)[None, :, None]
    top = image[y0][:, x0] * (1 - fx) + image[y0][:, x1] * fx
    bottom = image[y1][:, x0] * (1 - fx) + image[y1][:, x1] * fx
    return top * (1 - fy) + bottom * fy


def test_reads_and_writes(library):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    out = anymetal.Texture(format="rgba8unorm", width=7, height=5)
    library.kernel("scale")(anymetal.Texture(pixels), 0.5, out, grid=(7, 5))
    # Metal rounds to the nearest even; a product that is no tie in exact numbers isn't one in float32.
    expected = np.rint(np.float32(pixels / 255.0) * np.float32(0.5) * np.float32(255))
    assert np.array_equal(out.numpy(), expected.astype(np.uint8))


def test_resizes_as_numpy(library):
    image = np.random.default_rng(1).random((6, 9, 4), dtype=np.float32)
    out = anymetal.Texture(format="rgba32float", width=17, height=13)
    library.kernel("resize")(anymetal.Texture(image, format="rgba32float"), anymetal.Sampler(filter="linear"), out, grid=(20, 16))
    np.testing.assert_allclose(out.numpy(), bilinear(image.astype(float), 13, 17), atol=2e-6)


def test_arrays_may_have_empty_places(library):
    first, last = (anymetal.Texture(np.array([[1, value]], np.float32), format="r32float") for value in (5, 7))
    out = np.zeros(3, np.float32)
    library.kernel("choose")([first, None, last], out, grid=3)
    assert out.tolist() == [5, 0, 7]


def test_members_of_argument_buffers(library):
    volume = np.random.default_rng(2).random((4, 3, 2), dtype=np.float32)
    out = np.zeros(4, np.float32)
    scene = {"volume": anymetal.Texture(volume, format="r32float", type="3d"), "linear": anymetal.Sampler(filter="linear"),
             "out": out, "x": 0.5}
    library.kernel("sample_scene")(scene, grid=4)
    np.testing.assert_allclose(out, volume[:, 1, :].mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("format, dtype, components", [("r8snorm", np.int8, 1), ("rg16uint", np.uint16, 2), ("rgba16float", np.float16, 4),
                                                       ("r32sint", np.int32, 1), ("bgra8unorm", np.uint8, 4)])
def test_arrays_come_back(format, dtype, components):
    shape = (3, 5, components) if components > 1 else (3, 5)
    texels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    texture = anymetal.Texture(texels, format=format)
    assert texture.numpy().dtype == dtype
    assert np.array_equal(texture.numpy(), texels)
    cube = np.stack([texels[:3, :3] + np.array(i).astype(dtype) for i in range(6)])
    assert np.array_equal(anymetal.Texture(cube, format=format, type="cube").numpy(), cube)


def test_errors_say_what(library):
    texture = anymetal.Texture(format="rgba8uint", width=2)
    good = anymetal.Texture(format="rgba8unorm", width=2)
    with pytest.raises(ValueError, match="rgba8uint, which a kernel reads and writes as uint"):
        library.kernel("scale")(texture, 1.0, good, grid=1)
    with pytest.raises(ValueError, match="it is a texture, and a number was given"):
        library.kernel("scale")(1.0, 1.0, good, grid=1)
    with pytest.raises(ValueError, match="it is a sampler, and a texture was given"):
        library.kernel("resize")(good, good, good, grid=1)
    with pytest.raises(ValueError, match="no pixel format 'rgba9'"):
        anymetal.Texture(format="rgba9", width=2)
    with pytest.raises(ValueError, match="an address mode is one of"):
        anymetal.Sampler(address="wrap")
    with pytest.raises(ValueError, match="needs 2 dimensions and 4 components"):
        anymetal.Texture(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="bytes"):
        good.replace(np.zeros(3, np.uint8))


@pytest.mark.parametrize("address", ["repeat", "clamp_to_zero", "clamp_to_edge", "mirrored_repeat"])
def test_a_linear_sample_at_its_centre_is_the_texel(address):
    """(i + 0.5) / w * w rounds to less than 0.5 for some widths: still no other texel's."""
    kernel = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
kernel void copy(texture2d<float> t [[texture(0)]], sampler s [[sampler(0)]], device float* o, uint2 i [[thread_position_in_grid]]) {
  o[i.x + i.y] = t.sample(s, (float2(i) + 0.5f) / float2(t.get_width(), t.get_height())).x;
}""").kernel("copy")
    sampler = anymetal.Sampler(filter="linear", address=address)
    for w in (*range(1, 129), 1000, 2047, 4096):
        image, o = np.arange(1, w + 1, dtype=np.float32), np.zeros(w, np.float32)
        for shape in ((1, w), (w, 1)):
            kernel(anymetal.Texture(image.reshape(shape), format="r32float"), sampler, o, grid=shape[::-1])
            np.testing.assert_allclose(o, image, rtol=1e-3, err_msg=f"{shape}")


def test_what_function_constants_switch_off():
    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
constant bool on [[function_constant(0)]];
constant bool off = !on;
kernel void f(device float* o, texture2d<float> t [[texture(0), function_constant(on)]], texture2d<uint> n [[texture(0), function_constant(off)]],
              sampler s [[sampler(0), function_constant(on)]], threadgroup float* tile [[threadgroup(1), function_constant(on)]],
              device const float* x [[buffer(1), function_constant(on)]], uint i [[thread_position_in_grid]]) {
  if (on) { tile[0] = x[0]; o[i] = t.sample(s, float2(0.5f)).x + tile[0]; } else o[i] = n.read(uint2(0, 0)).x + 2;
}""")
    o = np.zeros(4, np.float32)
    whole = anymetal.Texture(np.full((1, 1), 7, np.uint32), format="r32uint")
    library.kernel("f", constants={"on": False})(o, None, whole, None, None, grid=4)
    assert o.tolist() == [9] * 4
    real = anymetal.Texture(np.full((1, 1), 0.5, np.float32), format="r32float")
    library.kernel("f", constants={"on": True})(o, real, None, anymetal.Sampler(), np.ones(1, np.float32), grid=4, threadgroup_memory={1: 16})
    assert o.tolist() == [1.5] * 4
