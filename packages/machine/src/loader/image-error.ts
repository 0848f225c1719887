/** A program that cannot be loaded; the message is one sentence that says which file and why. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
