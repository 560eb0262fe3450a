/** The words of every shard of a region, the overflow shard last. */
export function wordsOfShards({ buffer }: { readonly buffer: SharedArrayBuffer }): BigInt64Array[] {
  const [shards, length, stride, firstShard] = new Uint32Array(buffer, 24, 4) as unknown as number[]
  return Array.from(
    { length: (shards as number) + 1 },
    (_, shard) => new BigInt64Array(buffer, (firstShard as number) + shard * (stride as number), length),
  )
}
