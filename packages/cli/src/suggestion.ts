/** What somebody may have meant who typed a word that there is not. */

/** More than so many keys gone wrong are another word. */
const MOST_MISTAKES = 3;
/** A word of which less is right is another one. */
const LEAST_RIGHT = 0.5;

/** ` Did you mean X?`, to end a sentence with, or nothing when no candidate is like the word. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const mistakes = candidates.map((candidate) => mistakesBetween(word.toLowerCase(), candidate.toLowerCase()));
  const least = Math.min(...mistakes);
  const nearest = candidates[mistakes.indexOf(least)];
  const isLike = least <= MOST_MISTAKES && least <= nearest.length * (1 - LEAST_RIGHT);
  return isLike ? ` Did you mean ${nearest}?` : '';
}

/** Letters that are missing, too many or others, and pairs that are exchanged (Damerau 1964, each pair once). */
function mistakesBetween(typed: string, meant: string): number {
  // Nobody means a word of six letters by a million of them.
  if (Math.abs(typed.length - meant.length) > MOST_MISTAKES) return Number.POSITIVE_INFINITY;
  /** Mistakes between the first `row` letters of the one and the first `column` of the other. */
  const table: number[][] = Array.from({ length: typed.length + 1 }, (_, row) => [row]);
  for (let column = 0; column <= meant.length; column++) table[0][column] = column;
  for (let row = 1; row <= typed.length; row++) {
    for (let column = 1; column <= meant.length; column++) {
      const isRight = typed[row - 1] === meant[column - 1];
      const isExchanged = typed[row - 1] === meant[column - 2] && typed[row - 2] === meant[column - 1];
      table[row][column] = Math.min(
        table[row - 1][column] + 1,
        table[row][column - 1] + 1,
        table[row - 1][column - 1] + (isRight ? 0 : 1),
        isExchanged ? table[row - 2][column - 2] + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return table[typed.length][meant.length];
}
