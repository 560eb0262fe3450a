{
  # The benchmark's own addon: the limits that the library is held against. Never shipped.
  "targets": [
    {
      "target_name": "limits",
      "conditions": [
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64')", {
          "sources": [
            "../../native/rseq_sections.S",
            "../../native/rseq_library.cc",
            "binding.cc",
            "crossings.cc",
            "loops.cc"
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
          "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
          "ldflags": ["-Wl,-z,nodelete", "-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL"]
        }, {
          "type": "none"
        }],
        ["node_module_version in (115, 127, 137, 147)", {
          "defines": ["RSEQ_NODE_ABI=<(node_module_version)"]
        }]
      ]
    }
  ]
}
