// Writes docs/kvm-deviations.md from the table in packages/vgic: node scripts/kvm-deviations.mjs (after npx tsc -b)
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const HEAD = `# What KVM does otherwise than the architecture

A GIC of vgic does what the architecture says (IHI 0048, IHI 0069). Linux's KVM does not always: it can lose an interrupt, invent
one, or leave one active for ever. With \`kvm: '6.12'\` a GIC does as the KVM of Linux 6.12 does:

| | |
| --- | --- |
| library | \`new Gic({ …, kvm: '6.12' })\`, \`new Host({ …, kvm: '6.12' })\` of \`vgic/kvm\` |
| machine | \`new Machine({ …, kvm: '6.12' })\`, \`vgic run --kvm 6.12\`, \`vgic restore --kvm 6.12 --list-registers 4 FILE\` |
| script | \`vgic exec --kvm 6.12\`, or \`"kvm": "6.12"\` in its \`create\` |

So the kernel's version is a parameter to debug with: does this guest hang because of what its host does? Single entries can be
had too, by their names: \`kvm: ['activeFirst', 'endsOutsideForgotten']\`, \`--kvm activeFirst,endsOutsideForgotten\`.

This page is made from the table in \`packages/vgic/src/kvm-deviations.ts\`, by \`node scripts/kvm-deviations.mjs\`. Where an entry
is about userspace's interface, what is right is what newer kernels do.
`;

/** The page of a table of deviations. */
export function documentOf(deviations) {
  const entries = Object.entries(deviations).map(([name, { kvm, architecture, source, mended }]) => {
    const since = mended === undefined ? 'No kernel has mended it.' : `Mended in Linux ${mended}.`;
    return `\n## ${name}\n\n**Linux 6.12.** ${kvm}\n\n**Right.** ${architecture}\n\n${source}. ${since}\n`;
  });
  return HEAD + entries.join('');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { KVM_DEVIATIONS } = await import('vgic');
  writeFileSync(new URL('../docs/kvm-deviations.md', import.meta.url), documentOf(KVM_DEVIATIONS));
}
