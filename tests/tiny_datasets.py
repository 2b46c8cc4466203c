"""A recipe with distributions whose scenes take a fraction of a second each."""

RECIPE = """
seed = 5
[[filament]]
n_balls = 4
count = { integers = [1, 3] }
[[molecule]]
species = "3hhb"
atoms_per_ball = 1600
count = { choose = [0, 1, 2] }
[pack]
max_steps = 60
block = 30
relax_steps = 0
tolerance = 0
[density]
voxel_size = 2.0
resolution = 6.0
[imaging]
snr = { log_uniform = [0.5, 2] }
[run]
platform = "CPU"
threads = 1
"""


def write_recipe(folder, text=RECIPE):
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def content(folder):
    """Return the bytes of what a scene's folder holds, but for the manifest, which has times."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
