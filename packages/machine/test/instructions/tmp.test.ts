import { test } from 'vitest';
import { writeFileSync } from 'node:fs';
import { hotLoops, wideCode } from '/work/main/bench/src/core/programs.js';
import { timeOnQemu } from '/work/main/bench/src/core/qemu.js';
test('x', async () => {
  for (const [n, i] of [['hot', hotLoops(20000)],['wide', wideCode(1000, 10000, 100)],['narrow', wideCode(100,10000,100)]] as const) {
   writeFileSync('/tmp/bt/'+n+'.bin', i);
   for (let k=0;k<3;k++) console.log(n, i.length, await timeOnQemu(i, 20000));
  }
});
