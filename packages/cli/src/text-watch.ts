/** Says when a text has gone by in a stream of bytes (Knuth, Morris and Pratt: each byte is looked at once). */
export class TextWatch {
  readonly #text: Uint8Array;
  readonly #fallback: Uint32Array;
  #matched = 0;

  /** `text` must not be empty. */
  constructor(text: string) {
    this.#text = new TextEncoder().encode(text);
    this.#fallback = new Uint32Array(this.#text.length);
    for (let index = 1, length = 0; index < this.#text.length; index++) {
      while (length > 0 && this.#text[index] !== this.#text[length]) length = this.#fallback[length - 1];
      if (this.#text[index] === this.#text[length]) length++;
      this.#fallback[index] = length;
    }
  }

  /** Takes the next byte; true when it completes the text. */
  see(byte: number): boolean {
    while (this.#matched > 0 && this.#text[this.#matched] !== byte) this.#matched = this.#fallback[this.#matched - 1];
    if (this.#text[this.#matched] === byte) this.#matched++;
    if (this.#matched < this.#text.length) return false;
    this.#matched = this.#fallback[this.#matched - 1];
    return true;
  }
}
