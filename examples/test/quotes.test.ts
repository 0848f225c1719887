import { describe, expect, it } from 'vitest';
import { type Block, blocksOf, documents, isPassage, sources } from './quotes.js';

const SOURCES = sources();
const BLOCKS = documents().flatMap((document) => blocksOf(document));
const QUOTED = BLOCKS.filter(({ language }) => language === 'ts');

describe('what the documents show of TypeScript is what an example has, line for line', () => {
  it.each(QUOTED.map(({ place, lines }) => ({ place, lines })))('$place', ({ lines }) => {
    expect(isPassage(lines, SOURCES), lines.join('\n')).toBe(true);
  });

  it('and not under another name', () => {
    const known = ['ts', 'console', ''];
    expect(BLOCKS.filter(({ language }) => !known.includes(language)).map(({ place }) => place)).toEqual([]);
  });

  it('in each document that shows how to use the library', () => {
    const quoting = new Set(QUOTED.map(({ place }) => place.replace(/:\d+$/, '')));
    for (const document of ['docs/embedding.md', 'docs/migration.md', 'docs/machine.md', 'packages/vgic/README.md']) {
      expect(quoting).toContain(document);
    }
  });
});

describe('a block is no passage of an example', () => {
  const changes: [string, (block: Block) => string[]][] = [
    ['with a word changed in its last line', ({ lines }) => [...lines.slice(0, -1), `${lines.at(-1)} // or so`]],
    ['with a line left out', ({ lines }) => lines.toSpliced(1, 1)],
    ['with a line too many', ({ lines }) => [lines[0], '', ...lines.slice(1)]],
    ['with a line indented otherwise', ({ lines }) => [...lines.slice(0, -1), ` ${lines.at(-1)}`]],
  ];
  it.each(changes)('%s', (_, changed) => {
    const long = QUOTED.filter(({ lines }) => lines.length > 2);
    expect(long.length).toBeGreaterThan(3);
    for (const block of long) expect(isPassage(changed(block), SOURCES), block.place).toBe(false);
  });

  it('and a fence within a list, of tildes or without an end is seen too', () => {
    const lines = ['- a list', '  ```ts', '  x', '  ```', '~~~ts', 'y', '~~~', '```ts', 'z'];
    expect(blocksOf('a.md', lines).map(({ lines }) => lines.join())).toEqual(['  x', 'y', 'z']);
  });
});
