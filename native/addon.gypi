# How the addon is made. Paths are relative to this file, which a binding.gyp includes:
# the one of a clone, or the one that `rseq build` writes for an installed package, which has none.
{
  "variables": {
    # RSEQ_NAPI_ONLY=1 leaves the V8 tier out: one binary for every Node version.
    "rseq_napi_only%": "<!(node -p \"process.env.RSEQ_NAPI_ONLY || 0\")",
    # Object files of everything that does not depend on the Node version, from a build for another one.
    "rseq_objects%": "<!(node -p \"process.env.RSEQ_OBJECTS || ''\")"
  },
  # The addon. On a platform without sections the target is empty and the portable backend runs.
  "targets": [
    {
      "target_name": "rseq",
      "conditions": [
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64')", {
          "sources": ["addon/tiers/v8_tier.cc"],
          "defines": ["NAPI_VERSION=8"],
          # Node's own -O3 would come last: it more than doubles the size, and makes nothing faster.
          "configurations": { "Release": { "cflags!": ["-O3"] } },
          # A status of Node-API that is not looked at is an error.
          "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror=unused-result"],
          "ldflags": [
            # Node unloads an addon with the Worker that loaded it; descriptors must stay in place.
            "-Wl,-z,nodelete",
            "-Wl,-z,text",
            # The descriptors are read-only once they are relocated. Not -z now: Bun and Deno load the addon, too, and lack
            # the symbols of V8 that only Node's fast calls need.
            "-Wl,-z,relro",
            "-Wl,-z,noexecstack",
            # No symbol of libstdc++ may come from, or go to, another module.
            "-static-libstdc++",
            "-static-libgcc",
            "-Wl,--exclude-libs,ALL"
          ]
        }, {
          "type": "none"
        }],
        # Landing pads for indirect branches, and the notes that say so (IBT, BTI); no instruction on older CPUs.
        ["OS=='linux' and target_arch=='x64'", { "cflags": ["-fcf-protection"] }],
        ["OS=='linux' and target_arch=='arm64'", { "cflags": ["-mbranch-protection=standard"] }],
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64') and rseq_objects==''", {
          # Every source below these folders; the shell runs in the folder of the binding.gyp that includes this file.
          "sources": ["<!@(node -p \"['rseq', 'percpu', 'addon'].flatMap((folder) => fs.readdirSync('native/' + folder, { recursive: true }).filter((file) => /\\.(cc|S)$/.test(file) && !file.endsWith('v8_tier.cc')).sort().map((file) => 'native/' + folder + '/' + file)).join(' ')\")"]
        }],
        ["rseq_objects!=''", {
          "libraries": ["<!@(node -p \"process.env.RSEQ_OBJECTS\")"]
        }],
        # The Node versions whose fast-call layout is known: 20, 22, 24 and 26.
        ["rseq_napi_only==0 and node_module_version in (115, 127, 137, 147)", {
          "defines": ["RSEQ_NODE_ABI=<(node_module_version)"]
        }]
      ]
    }
  ]
}
