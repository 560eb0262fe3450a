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
          "sources": ["addon/v8_tier.cc"],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED",
                      # A Worker that is being terminated may be inside a call; then nothing can be thrown any more.
                      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
          # Node's own -O3 would come last: it more than doubles the size, and makes nothing faster.
          "configurations": { "Release": { "cflags!": ["-O3"] } },
          "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
          "ldflags": [
            # Node unloads an addon with the Worker that loaded it; descriptors must stay in place.
            "-Wl,-z,nodelete",
            "-Wl,-z,text",
            "-Wl,-z,noexecstack",
            # No symbol of libstdc++ may come from, or go to, another module.
            "-static-libstdc++",
            "-static-libgcc",
            "-Wl,--exclude-libs,ALL"
          ]
        }, {
          "type": "none"
        }],
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64') and rseq_objects==''", {
          "sources": [
            "rseq/arch/x86_64.S",
            "rseq/arch/arm64.S",
            "rseq/arch/ppc64.S",
            "rseq/cpus.cc",
            "rseq/membarrier.cc",
            "rseq/thread.cc",
            "rseq/tick_clock.cc",
            "rseq/verify.cc",
            "percpu/array.cc",
            "percpu/counter.cc",
            "percpu/cpu_lock.cc",
            "percpu/list.cc",
            "percpu/lock_words.cc",
            "percpu/mutex.cc",
            "percpu/pool.cc",
            "percpu/opv.cc",
            "percpu/region.cc",
            "percpu/remote.cc",
            "percpu/ring.cc",
            "percpu/ring_reader.cc",
            "percpu/stack.cc",
            "percpu/stack_shard.cc",
            "percpu/stopped_shard.cc",
            "addon/allocation.cc",
            "addon/array_binding.cc",
            "addon/array_operations.cc",
            "addon/binding.cc",
            "addon/counter_binding.cc",
            "addon/handles.cc",
            "addon/lock_binding.cc",
            "addon/operations.cc",
            "addon/pool_binding.cc",
            "addon/region_binding.cc",
            "addon/ring_binding.cc",
            "addon/stack_binding.cc",
            "addon/thread_binding.cc"
          ]
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
