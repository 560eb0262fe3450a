export function findUnchecked(text: string): { line: number; reason: string }[]
export function checkNodeApi(files?: string[]): string[]
