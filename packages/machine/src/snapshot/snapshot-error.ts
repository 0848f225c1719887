/** A snapshot that cannot be restored or written; the message is one sentence that says what is wrong and where. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}
