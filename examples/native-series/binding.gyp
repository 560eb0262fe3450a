{
  "targets": [
    {
      "target_name": "resizer",
      "sources": ["resizer.cc"],
      "include_dirs": ["<!(node -p \"require('rseq/include')\")"],
      "defines": ["NAPI_VERSION=8"],
      "cflags": ["-fvisibility=hidden"]
    }
  ]
}
