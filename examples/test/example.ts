import { readdirSync, readFileSync } from 'node:fs';
import { format } from 'node:util';
import { vi } from 'vitest';

const FOLDER = new URL('../', import.meta.url);

/** The examples that print something, by the names that `npm run example` takes. */
export const EXAMPLES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.ts') && /^ \* +npm run example /m.test(sourceOf(file)))
  .map((file) => file.replace(/\.ts$/, ''));

export function sourceOf(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}

/** What an example prints, line by line. */
export async function outputOf(name: string): Promise<string[]> {
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
    printed.push(...format(...values).split('\n'));
  });
  vi.resetModules();
  try {
    await import(`../${name}.ts`);
  } finally {
    log.mockRestore();
  }
  return printed;
}

/** What the comment at the top of an example says that it prints: the lines that are indented, after the word `prints`. */
export function promiseOf(name: string): string[] {
  const [, comment] = /^\/\*\n(.*?)\n \*\//s.exec(sourceOf(`${name}.ts`)) ?? [];
  const lines = (comment ?? '').split('\n').map((line) => line.replace(/^ \* ?/, ''));
  const begin = lines.findIndex((line) => line.startsWith('prints'));
  return lines
    .slice(begin + 1)
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4));
}
