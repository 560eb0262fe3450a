// The checks of smoke.mjs: there it looks that it has each of them, and the host that each reports.
export const CHECKS = [
  'info',
  'place',
  'verify',
  'workers-i64',
  'workers-f64',
  'concurrency-index',
  'interrupted-anywhere',
  'reset-under-load',
  'terminated-workers',
]
