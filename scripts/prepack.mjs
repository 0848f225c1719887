// What npm pack and npm publish run first in a package: builds what is out of date and takes away what earlier builds have
// left; for the package vgic bundles the command into one file, so that the package has no dependency.
//
//   node ../../scripts/prepack.mjs        in packages/vgic or packages/machine
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build as bundle } from 'esbuild';
import { build, PROJECT } from './prepare.mjs';

const GUEST = 'guests/interrupts/interrupts.bin';
/** Its library is compiled into the AArch64 core. */
const IN_THE_CORE = 'node_modules/assemblyscript';

/** Removes from dist what no source stands for: tsc leaves what it once made of a file that is gone or has moved. */
function prune(folder) {
  const dist = join(folder, 'dist');
  for (const name of readdirSync(dist, { recursive: true })) {
    const [, stem] = /^(.*?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(name) ?? [];
    if (stem !== undefined && !existsSync(join(folder, 'src', `${stem}.ts`))) rmSync(join(dist, name));
  }
}

/** The licences of the packages in these folders, as their authors want them passed on. */
function notice(of, folders) {
  const licences = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(PROJECT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(PROJECT, folder)).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no licence to pass on.`);
    const text = readFileSync(join(PROJECT, folder, file), 'utf8').trim();
    return `## ${name} ${version} (${license})\n\n\`\`\`\`text\n${text}\n\`\`\`\`\n`;
  });
  return `# What others have written of ${of}\n\n${licences.join('\n')}`;
}

/** The command as one file, the guest of its demonstration, and the licences of what is in it. */
async function bundleCommand(folder) {
  const output = join(folder, 'command');
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output);
  const { metafile } = await bundle({
    absWorkingDir: PROJECT,
    entryPoints: ['packages/cli/dist/main.js'],
    outfile: join(output, 'vgic.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // commander and cli-progress are CommonJS, and require Node's own modules.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
  copyFileSync(join(PROJECT, GUEST), join(output, 'interrupts.bin'));
  const folders = Object.keys(metafile.inputs)
    .map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0])
    .filter((found) => found !== undefined);
  writeFileSync(join(output, 'THIRD-PARTY.md'), notice('the command', [...folders, IN_THE_CORE]));
}

const folder = process.cwd();
build('packages/cli');
prune(folder);
switch (relative(PROJECT, folder).replaceAll('\\', '/')) {
  case 'packages/vgic':
    await bundleCommand(folder);
    break;
  case 'packages/machine':
    writeFileSync(join(folder, 'THIRD-PARTY.md'), notice('@vgic/machine', [IN_THE_CORE]));
    break;
}
