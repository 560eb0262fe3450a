{
  "targets": [
    {
      "target_name": "ticker",
      "sources": ["ticker.cc", "rseq_library.cc", "rseq_sections.S"],
      "include_dirs": ["<!(node -p \"require('rseq/include')\")"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-fvisibility=hidden"],
      # The kernel reads the descriptors of sections: they must stay where they are.
      "ldflags": ["-Wl,-z,nodelete"]
    }
  ]
}
