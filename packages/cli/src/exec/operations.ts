import { ERRNO, type Gic, vgicItsState, vgicState } from 'vgic';
import { GITS_TRANSLATER_OFFSET, ICC_REGISTERS } from 'vgic/architecture';
import type { ItsDevice, MsiRoute, Route, VirtualMachine } from 'vgic/kvm';
import { hardwareView, hex64 } from './hardware-view.js';
import { physicalView } from './physical-view.js';
import { BadField, type Request } from './request.js';
import { createOptions, DEFAULT_ITS_BASE, MOST_ITS, SLOTS, type Slot, type Slots } from './slots.js';

/**
 * The operations of the protocol that conformance/kvm/README.md describes, each with the answer that KVM's own VGIC gives.
 * An answer is an object; a number stands for `{ ret }` or, negative, `{ err }`.
 */
export type Answer = Record<string, unknown> | number;

/** What an operation works on: the slot that its line names, which may be empty. */
interface Target {
  readonly request: Request;
  readonly slots: Slots;
  readonly slot: number;
  readonly vcpu: number;
  readonly value: bigint;
}

type Operation = (target: Target) => Answer;

/** No number of the protocol: an access that is UNDEFINED. */
const UNDEFINED_ACCESS = { err: -ERRNO.EPERM, undef: true };
const LARGEST_TRANSFER = 64 << 20;
const DEFAULT_DOORBELL = DEFAULT_ITS_BASE + BigInt(GITS_TRANSLATER_OFFSET);

function machineOf({ slots, slot }: Target): Slot | undefined {
  return slots.at(slot);
}

/** Runs an operation on a vCPU that exists, or answers EINVAL. */
function onVcpu(target: Target, run: (slot: Slot, vm: VirtualMachine, vcpu: number) => Answer): Answer {
  const slot = machineOf(target);
  if (slot === undefined || !slot.vm.hasVcpu(target.vcpu)) return -ERRNO.EINVAL;
  return run(slot, slot.vm, target.vcpu);
}

function onMachine(target: Target, missing: number, run: (slot: Slot) => Answer): Answer {
  const slot = machineOf(target);
  return slot === undefined ? -missing : run(slot);
}

function required(request: Request, ...names: string[]): void {
  for (const name of names) if (!request.has(name)) throw new BadField();
}

/** The vCPU is about to make an access: it has run before, and it does not sleep. */
function runs(vm: VirtualMachine, vcpu: number): number {
  return vm.prepareRun(vcpu) || vm.wake(vcpu);
}

/** Runs a CPU interface access inside the guest; outside it EAGAIN, or entry and exit around it with `auto`. */
function inGuest(slot: Slot, vcpu: number, access: (gic: Gic) => Answer): Answer {
  const { vm, options } = slot;
  const gic = vm.gic as Gic;
  if (gic.isInGuest(vcpu)) return access(gic);
  if (!options.autoEntry) return -ERRNO.EAGAIN;
  const result = vm.enter(vcpu);
  if (result !== 0) return result;
  const answer = access(gic);
  vm.exit(vcpu, true);
  return answer;
}

function mmio(target: Target, write: boolean): Answer {
  const { request, value } = target;
  const address = request.u64('addr', 0n);
  const length = request.int('len', 4);
  required(request, 'addr', ...(write ? ['value'] : []));
  return onVcpu(target, (slot, vm, vcpu) => {
    if (length !== 1 && length !== 2 && length !== 4 && length !== 8) return -ERRNO.EINVAL;
    const result = runs(vm, vcpu);
    if (result !== 0) return result;
    const at = Number(address);
    const access = (gic: Gic): Answer => {
      if (write) {
        gic.write(vcpu, at, length, Number(value & 0xffffffffn), Number(value >> 32n));
        return 0;
      }
      const low = gic.read(vcpu, at, length);
      return { value: hex64(low, gic.high) };
    };
    const gic = vm.gic as Gic;
    if (gic.isCpuInterface(at, length)) {
      return length !== 4 || at & 3 ? -ERRNO.EINVAL : inGuest(slot, vcpu, access);
    }
    // where no frame is, the VMM would be asked: the vCPU has left the guest and comes back all the same
    const answer = access(gic);
    return gic.contains(at, length) ? answer : -ERRNO.EOPNOTSUPP;
  });
}

function systemRegister(target: Target, write: boolean): Answer {
  const { request, value } = target;
  if (write) required(request, 'value');
  const name = request.text('reg', write ? 'ICC_SGI1R_EL1' : '');
  return onVcpu(target, (slot, vm, vcpu) => {
    const register = ICC_REGISTERS.find((row) => row.name === name);
    if (register === undefined) return -ERRNO.EINVAL;
    const { encoding, trappedBy } = register;
    const result = runs(vm, vcpu);
    if (result !== 0) return result;
    const access = (gic: Gic): Answer => {
      if (write) {
        const defined = gic.writeSystemRegister(vcpu, encoding, Number(value & 0xffffffffn), Number(value >> 32n));
        return defined ? 0 : UNDEFINED_ACCESS;
      }
      const read = gic.readSystemRegister(vcpu, encoding);
      return read < 0 ? UNDEFINED_ACCESS : { value: hex64(read, 0) };
    };
    // an access that always traps needs no entry
    if (slot.options.version === 2 || trappedBy === 'always') return access(vm.gic as Gic);
    return inGuest(slot, vcpu, access);
  });
}

function attribute(target: Target, access: 'get' | 'set' | 'has'): Answer {
  const { request } = target;
  const group = Number(BigInt.asUintN(32, request.u64('group', 0n)));
  const attr = request.u64('attr', 0n);
  return onMachine(target, ERRNO.ENODEV, ({ vm }) => {
    const name = request.text('dev', 'vgic');
    const device = name === 'vgic' ? vm.device : itsNamed(vm, name);
    if (device === undefined) return -ERRNO.ENODEV;
    if (access === 'has') return device.has(group, attr);
    if (access === 'set') return device.set(group, attr, request.has('value') ? { value: target.value } : undefined);
    const buffer = { value: target.value };
    const result = device.get(group, attr, buffer);
    return result < 0 ? result : { ret: result, value: `0x${buffer.value.toString(16)}` };
  });
}

/** The ITS that a script calls `its0` to `its9`. */
function itsNamed(vm: VirtualMachine, name: string): ItsDevice | undefined {
  return /^its[0-9]$/.test(name) ? vm.device?.its[Number(name[3])] : undefined;
}

function irqLine(target: Target): Answer {
  const { request, vcpu } = target;
  const type = request.text('type', 'spi');
  const irq = request.int('irq', 0) >>> 0;
  const level = request.flag('level', false);
  required(request, 'irq', 'level');
  if (type !== 'spi' && type !== 'ppi') throw new BadField();
  return onMachine(target, ERRNO.ENXIO, ({ vm }) =>
    type === 'ppi' ? vm.ppiLine(vcpu, irq, level) : vm.spiLine(irq, level),
  );
}

function setRoute(target: Target): Answer {
  const { request } = target;
  const u32 = (name: string) => Number(BigInt.asUintN(32, request.u64(name, 0n)));
  const gsi = u32('gsi');
  const pin = u32('pin');
  const data = u32('data');
  const deviceId = u32('devid');
  const doorbell = request.u64('doorbell', DEFAULT_DOORBELL);
  const msi = request.text('type', 'spi').startsWith('m');
  return onMachine(target, ERRNO.ENODEV, (slot) => {
    const route: Route = msi ? { gsi, type: 'msi', doorbell, deviceId, data } : { gsi, type: 'irqchip', pin };
    const at = slot.routes.findIndex((other) => other.gsi === gsi);
    if (at < 0) slot.routes.push(route);
    else slot.routes[at] = route;
    const result = slot.vm.routing.set(slot.routes);
    if (result !== 0) slot.routes = [];
    return result;
  });
}

function passedThroughInterrupt({ request }: Target): number {
  required(request, 'host_irq');
  return request.int('host_irq', 0) >>> 0;
}

function msiRoute({ request }: Target): MsiRoute {
  const u32 = (name: string, otherwise: bigint) => Number(BigInt.asUintN(32, request.u64(name, otherwise)));
  const data = u32('data', BigInt(u32('eventid', 0n)));
  const doorbell = request.u64('doorbell', DEFAULT_DOORBELL);
  return { gsi: -1, type: 'msi', doorbell, deviceId: u32('devid', 0n), data };
}

function physicalIntid({ request, slots }: Target): Answer {
  required(request, 'host_irq');
  const irq = request.int('host_irq', 0) >>> 0;
  const host = slots.hostInterrupts;
  if (irq >= 1024) return -ERRNO.EINVAL;
  if (request.has('line')) host.setLine(irq, request.flag('line', false));
  if (request.has('active')) host.setActive(irq, request.flag('active', false));
  if (request.has('pending')) host.setPending(irq, request.flag('pending', false));
  if (request.has('v4')) host.setForwardable(irq, request.flag('v4', true));
  return {
    line: host.line(irq) ? 1 : 0,
    active: host.active(irq) ? 1 : 0,
    pending: host.latch(irq) ? 1 : 0,
    v4: host.isForwardable(irq) ? 1 : 0,
  };
}

function memoryRead(target: Target): Answer {
  const address = target.request.u64('addr', 0n);
  const length = target.request.u64('len', 8n);
  if (length > BigInt(LARGEST_TRANSFER)) throw new BadField();
  return onMachine(target, ERRNO.ENODEV, ({ memory }) => {
    const bytes = memory.read(address, Number(length));
    return bytes === undefined ? -ERRNO.EFAULT : { hex: Buffer.from(bytes).toString('hex') };
  });
}

function memoryWrite(target: Target): Answer {
  const { request } = target;
  const address = request.u64('addr', 0n);
  const text = request.text('hex', '');
  const repeat = request.u64('repeat', 1n);
  const bytes = Buffer.from(text, 'hex');
  if (bytes.length * 2 !== text.length) throw new BadField();
  if (bytes.length > 0 && repeat > BigInt(Math.floor(LARGEST_TRANSFER / bytes.length))) throw new BadField();
  // writing nothing at all needs no machine, as little as it does in C
  if (repeat === 0n) return 0;
  return onMachine(target, ERRNO.ENODEV, ({ memory }) => {
    const times = bytes.length === 0 ? 0 : Number(repeat);
    for (let n = 0; n < times; n++) {
      if (!memory.write(address + BigInt(n * bytes.length), bytes)) return -ERRNO.EFAULT;
    }
    return 0;
  });
}

/** Each operation by its name. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  create(target) {
    const options = createOptions(target.request, target.slots.kvm);
    if (options === undefined) return target.slots.at(target.slot) === undefined ? -ERRNO.EINVAL : -ERRNO.EEXIST;
    const result = target.slots.create(target.slot, options);
    if (result !== 0 || options.itsBases.length === 0) return result;
    return { ret: 0, its: options.itsBases.map((base) => `0x${base.toString(16)}`) };
  },
  destroy: ({ slots, slot }) => slots.destroy(slot),
  reset(target) {
    const { slots, slot } = target;
    return onMachine(target, ERRNO.ENODEV, ({ options }) => slots.destroy(slot) || slots.create(slot, options));
  },
  create_its: (target) =>
    onMachine(target, ERRNO.ENODEV, ({ vm }) =>
      (vm.device?.its.length ?? 0) >= MOST_ITS ? -ERRNO.ENOSPC : vm.createIts(),
    ),
  msi(target) {
    const { request } = target;
    const doorbell = request.u64('doorbell', DEFAULT_DOORBELL);
    const u32 = (name: string) => Number(BigInt.asUintN(32, request.u64(name, 0n)));
    const deviceId = u32('devid');
    const data = u32('data');
    return onMachine(target, ERRNO.ENODEV, ({ vm }) =>
      vm.signalMsi(Number(doorbell), data, request.has('devid') ? deviceId : undefined),
    );
  },
  mmio_read: (target) => mmio(target, false),
  mmio_write: (target) => mmio(target, true),
  get_attr: (target) => attribute(target, 'get'),
  set_attr: (target) => attribute(target, 'set'),
  has_attr: (target) => attribute(target, 'has'),
  irq_line: irqLine,
  set_route: setRoute,
  irqfd(target) {
    const gsi = Number(BigInt.asUintN(32, target.request.u64('gsi', 0n)));
    const level = target.request.flag('level', true);
    return onMachine(target, ERRNO.ENODEV, ({ vm }) => vm.irqfd(gsi, level));
  },
  map_phys(target) {
    required(target.request, 'irq');
    const irq = target.request.int('irq', 0) >>> 0;
    const host = target.request.int('host_irq', irq) >>> 0;
    return onVcpu(target, (_slot, vm, vcpu) => vm.mapPhysical(vcpu, irq, host));
  },
  unmap_phys(target) {
    required(target.request, 'irq');
    const irq = target.request.int('irq', 0) >>> 0;
    return onVcpu(target, (_slot, vm, vcpu) => vm.unmapPhysical(vcpu, irq));
  },
  host_irq: physicalIntid,
  set_forwarding(target) {
    const irq = passedThroughInterrupt(target);
    return onMachine(target, ERRNO.ENODEV, ({ vm }) => vm.passedThrough.setForwarding(irq, msiRoute(target)));
  },
  unset_forwarding(target) {
    const irq = passedThroughInterrupt(target);
    const route = target.request.has('devid') ? msiRoute(target) : undefined;
    return onMachine(target, ERRNO.ENODEV, ({ vm }) => vm.passedThrough.unsetForwarding(irq, route));
  },
  device_msi(target) {
    const irq = passedThroughInterrupt(target);
    return onMachine(target, ERRNO.ENODEV, ({ vm }) => {
      if (irq >= vm.host.msis) return -ERRNO.EINVAL;
      const { via, result } = vm.passedThrough.fire(irq);
      return result < 0 ? result : { ret: result, via };
    });
  },
  phys(target) {
    const log = target.request.flag('log', true);
    const only = target.request.has('vcpu') ? target.vcpu : undefined;
    const view = physicalView(target.slots.at(target.slot)?.vm, only);
    return log ? { ...view, log: target.slots.trace.splice(0) } : view;
  },
  load: (target) => onVcpu(target, (_slot, vm, vcpu) => vm.load(vcpu)),
  put: (target) => onVcpu(target, (_slot, vm, vcpu) => vm.put(vcpu)),
  flush: (target) => onVcpu(target, (_slot, vm, vcpu) => vm.enter(vcpu) || hardwareView(vm, vcpu)),
  sync(target) {
    const put = target.request.flag('put', true);
    return onVcpu(target, (slot, vm, vcpu) => {
      const view = hardwareView(vm, vcpu);
      vm.exit(vcpu, put);
      const acknowledged = slot.acknowledged.splice(0);
      if (acknowledged.length > 0) view.acked = acknowledged;
      return view;
    });
  },
  hw: (target) => onVcpu(target, (_slot, vm, vcpu) => hardwareView(vm, vcpu)),
  pending: (target) =>
    onVcpu(target, (_slot, vm, vcpu) => ({
      pending: vm.gic?.hasPending(vcpu) ?? false,
      kicks: vm.gic?.kicks(vcpu) ?? 0,
    })),
  running(target) {
    const on = target.request.flag('on', true);
    return onVcpu(target, (_slot, vm, vcpu) => vm.setRunning(vcpu, on));
  },
  wfi: (target) =>
    onVcpu(target, (_slot, vm, vcpu) => {
      const result = vm.waitForInterrupt(vcpu);
      return result !== 0 ? result : { ret: 0, pending: vm.gic?.hasPending(vcpu) ?? false };
    }),
  vcpu_cpu(target) {
    const cpu = target.request.int('cpu', -1);
    return onVcpu(target, (_slot, vm, vcpu) => {
      if (cpu < -1 || cpu >= SLOTS * 512) return -ERRNO.EINVAL;
      const was = vm.cpuOf(vcpu);
      const result = cpu < 0 ? 0 : vm.moveTo(vcpu, cpu);
      return result !== 0 ? result : { ret: 0, was };
    });
  },
  icc_read: (target) => systemRegister(target, false),
  icc_write: (target) => systemRegister(target, true),
  icc_sgi: (target) => systemRegister(target, true),
  mem_read: memoryRead,
  mem_write: memoryWrite,
  mem_copy(target) {
    const from = Number(BigInt.asUintN(32, target.request.u64('from', 0n)));
    if (from >= SLOTS) throw new BadField();
    const source = target.slots.at(from);
    return onMachine(target, ERRNO.EINVAL, ({ memory }) => {
      if (source === undefined || source.memory.size !== memory.size) return -ERRNO.EINVAL;
      memory.copyFrom(source.memory);
      return 0;
    });
  },
  vgic_its_state(target) {
    const name = target.request.text('dev', 'its0');
    return onMachine(target, ERRNO.ENODEV, ({ vm }) => {
      const its = itsNamed(vm, name);
      return vm.device === undefined || its === undefined
        ? -ERRNO.ENODEV
        : { text: vgicItsState(vm.device.model, its.number) };
    });
  },
  vgic_state: (target) =>
    onMachine(target, ERRNO.ENODEV, ({ vm }) => (vm.gic === undefined ? -ERRNO.ENODEV : { text: vgicState(vm.gic) })),
};
