/** What the page and its worker say to each other. */

/** Where a file comes from: an address, or one that was dropped on the page. */
export type Source = string | Blob;

export type ToWorker =
  | { type: 'boot'; kernel: Source; initrd: Source | undefined; append: string }
  /** What was typed. */
  | { type: 'input'; bytes: Uint8Array };

export type ToPage =
  /** What the worker is doing, for people. */
  | { type: 'status'; text: string }
  /** What the guest has printed. */
  | { type: 'output'; bytes: Uint8Array };
