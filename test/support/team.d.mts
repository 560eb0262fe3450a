/**
 * Teams of Workers that begin at the same moment, so that they really overlap.
 *
 * @module
 */
import type { Worker } from 'node:worker_threads'

export interface TeamOptions {
  /** What each gets as its workerData. */
  data?: (i: number) => Record<string, unknown>
  /** Changes to each one's environment. */
  env?: (i: number) => Record<string, string>
}

/** Starts a file of `workers/`, outside of any team. */
export function startWorker(file: string, workerData: unknown, env?: Record<string, string>): Worker

/**
 * Workers that run the same file of `workers/`. Each says hello when it has loaded everything and
 * waits for {@link go}, all at once; then it reports once, when it is done.
 */
export class Team<Hello = null, Report = null> {
  private constructor()

  /** What each said when it had loaded everything. */
  readonly hellos: readonly Hello[]

  /** Starts the Workers, and waits until all of them wait. */
  static lineUp<Hello = null, Report = null>(
    file: string,
    size: number,
    options?: TeamOptions,
  ): Promise<Team<Hello, Report>>

  /** Lets all of them begin. */
  go(): void

  /** Tells those that run until they are told so to come to an end. */
  stop(): void

  /** Ends one of them, wherever it is; resolved when it has ended. */
  terminate(i: number): Promise<void>

  /**
   * Ends one after the other, each when its progress is a random number from 1 to `most`; resolved when all have ended.
   *
   * @param progress - says how far the Worker is, by a number that grows.
   */
  terminateAtMoments(progress: (i: number) => number, most: number): Promise<void>

  /** Everybody's report, once all Workers have ended. */
  reports(): Promise<Report[]>

  /** {@link go}, {@link reports}. */
  run(): Promise<Report[]>
}

/** Lets everything else have a turn of the event loop. */
export function turn(): Promise<void>
