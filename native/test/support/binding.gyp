{
  # What only tests need from the system. Never shipped; on other platforms those tests are skipped.
  "targets": [
    {
      "target_name": "test_support",
      "conditions": [
        ["OS=='linux' and target_arch in ('x64', 'arm64', 'ppc64')", {
          "sources": ["<!@(node -p \"fs.readdirSync('.').filter((file) => file.endsWith('.cc')).join(' ')\")"],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
          "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra"]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
