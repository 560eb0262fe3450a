{
  # An addon that records events of a trace from C++. Only tests use it; see test/trace-native.test.ts.
  "targets": [
    {
      "target_name": "trace_events",
      "conditions": [
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64')", {
          "sources": ["events.cc", "../../rseq_library.cc", "../../rseq_sections.S"],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
          "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
          "ldflags": ["-Wl,-z,nodelete"]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
