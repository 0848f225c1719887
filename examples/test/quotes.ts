import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, and the folder of the examples in it. */
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLES = 'examples';

/** A fenced block of a document. */
export interface Block {
  /** The document, from the root of the checkout, and the line of the fence. */
  readonly place: string;
  readonly language: string;
  readonly lines: readonly string[];
}

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(PROJECT, folder))
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

function linesOf(file: string): string[] {
  return readFileSync(join(PROJECT, file), 'utf8').split('\n');
}

/** What newcomers read: the documents whose TypeScript is the examples'. */
export function documents(): string[] {
  const packages = readdirSync(join(PROJECT, 'packages')).flatMap((name) =>
    filesIn(join('packages', name), /^README\.md$/),
  );
  return [...filesIn('.', /^README\.md$/), ...filesIn('docs', /\.md$/), ...packages];
}

/** The lines of each file of TypeScript that an example is made of. */
export function sources(): string[][] {
  return [EXAMPLES, join(EXAMPLES, 'terminal')].flatMap((folder) => filesIn(folder, /\.ts$/)).map(linesOf);
}

export function blocksOf(document: string, lines = linesOf(document)): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, fence, language] = /^\s*(`{3,}|~{3,})\s*(\S*)/.exec(lines[at]) ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, n) => n > at && line.trim() === fence);
    const last = end < 0 ? lines.length : end;
    blocks.push({ place: `${document}:${at + 1}`, language, lines: lines.slice(at + 1, last) });
    at = last;
  }
  return blocks;
}

/** Whether lines are a passage of one of the sources: the same lines one after the other, indented alike. */
export function isPassage(lines: readonly string[], of: readonly (readonly string[])[]): boolean {
  return of.some((source) => {
    for (let at = 0; at + lines.length <= source.length; at++) {
      const indentation = source[at].length - lines[0].length;
      if (indentation < 0 || !source[at].endsWith(lines[0])) continue;
      const before = ' '.repeat(indentation);
      if (lines.every((line, n) => source[at + n] === (line === '' ? '' : before + line))) return true;
    }
    return false;
  });
}
