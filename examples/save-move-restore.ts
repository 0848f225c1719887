/*
 * A GIC amid its work is saved, moved as text, and restored where the CPUs have fewer list registers. The guest goes on there,
 * and each interrupt is taken as often as it was sent, here or there.
 *
 *     npm run example save-move-restore
 *
 * prints
 *
 *     saved:    15 not taken yet; 1 active and pending, 2 with the line high, 7 more than list registers hold
 *     restored: 15 not taken yet; 1 active and pending, 2 with the line high, 13 more than list registers hold
 *     sent 16, taken 16: 0 lost, 0 invented
 */
import { type Census, census, Gic, itsAt, Ram, restoreGic, SYSTEM_REGISTERS, saveGic } from 'vgic';
import { acknowledge, enableCpuInterface, enableDistributor, enableSpi, end, takeAll } from './guest.js';
import { DOORBELL, ITS, ItsDriver, RAM, RAM_SIZE } from './its-driver.js';

const EDGES = [40, 41, 42, 43, 44, 45, 46, 47];
const LEVEL = 48;
const TIMER = 27;
const SGI = 5;
const DEVICE = 1;
const EVENTS = [0, 1, 2, 3];
const FIRST_LPI = 8192;

/** How often each interrupt was sent and not taken yet, and all together. */
const open = new Map<string, number>();
const count = { sent: 0, taken: 0 };

function note(what: 'sent' | 'taken', intid: number, vcpu: number): void {
  const interrupt = `INTID ${intid} of vCPU ${vcpu}`;
  open.set(interrupt, (open.get(interrupt) ?? 0) + (what === 'sent' ? 1 : -1));
  count[what]++;
}

function told({ activePending, lineHigh, queued }: Census): string {
  return (
    `${count.sent - count.taken} not taken yet; ${activePending} active and pending, ${lineHigh} with the line high, ` +
    `${queued} more than list registers hold`
  );
}

// ---- here: a guest with two vCPUs

const config = { version: 3 as const, vcpus: 2, its: [itsAt(ITS)] }; // without `as const` it would be any number
const memory = new Ram(RAM, new Uint8Array(RAM_SIZE));
const here = new Gic({ ...config, memory, listRegisters: 4 });

enableDistributor(here);
for (const vcpu of [0, 1]) enableCpuInterface(here, vcpu);
for (const intid of EDGES) enableSpi(here, intid, 'edge');
enableSpi(here, LEVEL, 'level');
const its = new ItsDriver(here, memory, config.vcpus);
its.mapDevice(DEVICE);
for (const event of EVENTS) its.mapEvent(DEVICE, event, FIRST_LPI + event, event % 2);

/** A device drives its line. That of a PPI is a vCPU's own: the third argument says whose. */
function raise(intid: number, vcpu = 0): void {
  here.setLine(intid, true, vcpu);
  note('sent', intid, vcpu);
}

// vCPU 0 is amid the handler of an SPI when everything comes, that SPI once more.
raise(EDGES[0]);
here.enter(0);
const interrupted = acknowledge(here, 0);
if (interrupted !== undefined) note('taken', interrupted, 0);
for (const intid of [...EDGES, LEVEL]) raise(intid);
raise(TIMER, 1);
here.writeSystemRegister(0, SYSTEM_REGISTERS.ICC_SGI1R_EL1, (SGI << 24) | (1 << 1), 0); // to the vCPU with Aff0 = 1
note('sent', SGI, 1);
for (const event of EVENTS) {
  here.signalMsi(DOORBELL, event, DEVICE);
  note('sent', FIRST_LPI + event, event % 2);
}

for (const vcpu of [0, 1]) here.exit(vcpu); // what is in list registers is known to nobody else
const { state, pages } = saveGic(here);
console.log(`saved:    ${told(census(here))}`);

// ---- on its way: the state is plain JSON; the pages have the tables of ITS and LPIs, and lie over the guest's RAM

const text = JSON.stringify({ state, pages: [...pages.pages], contents: [...pages.contents] });
const ram = memory.bytes.slice();

// ---- there: the same guest; how many list registers its CPUs have it can't tell

const there = new Gic({ ...config, memory: new Ram(RAM, ram), listRegisters: 1 });
const saved = JSON.parse(text);
restoreGic(there, {
  state: saved.state,
  pages: { pages: Uint32Array.from(saved.pages), contents: Uint8Array.from(saved.contents) },
});
console.log(`restored: ${told(census(there))}`);

// The handler goes on where it was, and what it ends is pending once more. Then each vCPU takes what is its own.
there.enter(0);
if (interrupted !== undefined) end(there, 0, interrupted);
there.exit(0);
for (const vcpu of [0, 1]) {
  for (const intid of takeAll(there, vcpu, serve)) note('taken', intid, vcpu);
}

/** What is level-sensitive has its line high until the handler has served the device. */
function serve(intid: number, vcpu: number): void {
  if (intid === LEVEL || intid === TIMER) there.setLine(intid, false, vcpu);
}

const lost = [...open.values()].filter((times) => times > 0).length;
const invented = [...open.values()].filter((times) => times < 0).length;
console.log(`sent ${count.sent}, taken ${count.taken}: ${lost} lost, ${invented} invented`);
