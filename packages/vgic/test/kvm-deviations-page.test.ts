import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KVM_DEVIATIONS } from '../src/index.js';

const ROOT = new URL('../../../', import.meta.url);

it('docs/kvm-deviations.md is the table, as scripts/kvm-deviations.mjs writes it', async () => {
  const { documentOf } = await import(new URL('scripts/kvm-deviations.mjs', ROOT).href);
  expect(readFileSync(new URL('docs/kvm-deviations.md', ROOT), 'utf8')).toBe(documentOf(KVM_DEVIATIONS));
});
