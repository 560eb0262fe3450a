{
  "variables": {
    # RSEQ_NAPI_ONLY=1 leaves the V8 tier out: one binary for every Node version.
    "rseq_napi_only%": "<!(node -p \"process.env.RSEQ_NAPI_ONLY || 0\")"
  },
  # The addon. On a platform without sections the target is empty and the portable backend runs.
  "targets": [
    {
      "target_name": "rseq",
      "conditions": [
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64')", {
          "sources": [
            "native/rseq/arch/x86_64.S",
            "native/rseq/arch/arm64.S",
            "native/rseq/arch/ppc64.S",
            "native/rseq/cpus.cc",
            "native/rseq/thread.cc",
            "native/rseq/verify.cc",
            "native/percpu/counter.cc",
            "native/percpu/mutex.cc",
            "native/percpu/region.cc",
            "native/addon/allocation.cc",
            "native/addon/binding.cc",
            "native/addon/counter_binding.cc",
            "native/addon/handles.cc",
            "native/addon/mutex_binding.cc",
            "native/addon/operations.cc",
            "native/addon/region_binding.cc",
            "native/addon/thread_binding.cc",
            "native/addon/v8_tier.cc"
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED",
                      # A Worker that is being terminated may be inside a call; then nothing can be thrown any more.
                      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
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
        # The Node versions whose fast-call layout is known: 20, 22, 24 and 26.
        ["rseq_napi_only==0 and node_module_version in (115, 127, 137, 147)", {
          "defines": ["RSEQ_NODE_ABI=<(node_module_version)"]
        }]
      ]
    }
  ]
}
