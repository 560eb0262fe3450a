export function recordOf(i: number): Uint8Array
export function numberOf(bytes: Uint8Array): number
