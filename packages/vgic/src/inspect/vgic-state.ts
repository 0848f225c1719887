import { interruptKind, PRIVATE_COUNT } from '../architecture/intid.js';
import type { Gic } from '../gic.js';
import { testBit } from '../interrupts/bitmap.js';
import { NO_VCPU } from '../interrupts/interrupts.js';

const RULE = '----------------------------------------------------------------';
const COLUMNS = 'TYP   ID TGT_ID PLAEHCG     HWID   TARGET SRC PRI VCPU_ID';

function flagOf(set: boolean): string {
  return set ? '1' : '0';
}

function flag(map: Uint32Array, i: number): string {
  return flagOf(testBit(map, i));
}

function interruptLine(gic: Gic, i: number): string {
  const { irqs } = gic;
  const intid = irqs.intidOf(i);
  const flags =
    flagOf(irqs.isSgi(i) ? irqs.isLatched(i) : testBit(irqs.latch, i)) +
    flag(irqs.line, i) +
    flag(irqs.active, i) +
    flag(irqs.enabled, i) +
    flagOf(testBit(irqs.hardware, i) || testBit(irqs.onVpe, i)) +
    (testBit(irqs.edge, i) ? '0' : '1') +
    flag(irqs.group, i);
  // an LPI has neither route nor sources
  const isLpi = i >= irqs.lpiBase;
  const target = isLpi ? 0 : irqs.version === 3 ? irqs.affinity[i] : irqs.targets[i];
  const source = isLpi ? 0 : irqs.source[i];
  const columns = [
    `${interruptKind(intid).padStart(10)} ${String(intid).padStart(4)}`,
    `    ${String(irqs.target[i]).padStart(2)}`,
    flags,
    String(irqs.physicalIntid[i]).padStart(8),
    target.toString(16).padStart(8),
    ` ${source.toString(16).padStart(2)}`,
    String(irqs.priority[i]).padStart(3),
    `     ${String(irqs.lists.owner[i]).padStart(2)}`,
  ];
  return `${columns.join(' ')} `;
}

/** A GIC's state in text, the same table as KVM's debugfs file `vgic-state`. */
export function vgicState(gic: Gic): string {
  const { irqs } = gic;
  const lines = [
    'Distributor',
    '===========',
    `vgic_model:\tGICv${irqs.version}`,
    `nr_spis:\t${irqs.count - PRIVATE_COUNT}`,
  ];
  if (irqs.version === 3) {
    let lpis = 0;
    irqs.eachLpi(() => {
      lpis++;
      return true;
    });
    lines.push(`nr_lpis:\t${lpis}`);
  }
  lines.push(`enabled:\t${irqs.distributorEnabled ? 1 : 0}`, '');
  lines.push('P=pending_latch, L=line_level, A=active', 'E=enabled, H=hw, C=config (level=1, edge=0)', 'G=group');
  let before: number | undefined;
  for (let i = 0; i < irqs.fixedEnd; i++) {
    const vcpu = irqs.ownerOf(i);
    if (vcpu !== before) {
      const whose = vcpu === NO_VCPU ? 'SPI  0' : `VCPU${String(vcpu).padStart(2)}`;
      lines.push('', `${whose} ${COLUMNS}`, RULE);
      before = vcpu;
    }
    lines.push(interruptLine(gic, i));
  }
  irqs.eachLpi((i) => {
    lines.push(interruptLine(gic, i));
    return true;
  });
  return `${lines.join('\n')}\n`;
}
