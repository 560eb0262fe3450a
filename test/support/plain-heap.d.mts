export class PlainHeap {
  static bufferOf(blocks: number): SharedArrayBuffer
  constructor(buffer: SharedArrayBuffer)
  alloc(): number
  free(block: number): void
  view(block: number): Uint8Array
}
