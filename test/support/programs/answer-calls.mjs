// What every process of `../shared.ts` does: answers the calls of its parent.

/** Answers messages by the functions of `calls`, and says that it does. The process ends with its parent. */
export function answerCalls(calls) {
  process.on('message', async ({ id, call, input }) => {
    try {
      process.send({ id, answer: (await calls[call](input)) ?? null })
    } catch (error) {
      process.send({ id, error: String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send({ id: 0, answer: null })
}
