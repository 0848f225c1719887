import { ERRNO, type KvmCompatibility, kvmNamed, PhysicalInterrupts } from 'vgic';
import { GICV2_MAX_VCPUS, ITS_SIZE, PRIVATE_COUNT } from 'vgic/architecture';
import {
  Host,
  type HostConfig,
  KVM_DEV_ARM_VGIC_CTRL_INIT,
  KVM_DEV_ARM_VGIC_GRP_ADDR,
  KVM_DEV_ARM_VGIC_GRP_CTRL,
  KVM_DEV_ARM_VGIC_GRP_NR_IRQS,
  KVM_VGIC_ITS_ADDR_TYPE,
  KVM_VGIC_V2_ADDR_TYPE_CPU,
  KVM_VGIC_V2_ADDR_TYPE_DIST,
  KVM_VGIC_V3_ADDR_TYPE_DIST,
  KVM_VGIC_V3_ADDR_TYPE_REDIST,
  type Route,
  VirtualMachine,
} from 'vgic/kvm';
import { ScriptMemory } from './guest-memory.js';
import { BadField, type Request } from './request.js';

/** Virtual machines that a script can have at a time. */
export const SLOTS = 8;

const MOST_ACKNOWLEDGED = 64;
const MOST_TRACED = 50_000;

/** ITSs that a machine can have. */
export const MOST_ITS = 16;
/** QEMU's `virt` board has its ITS here. */
export const DEFAULT_ITS_BASE = 0x08080000n;
const ITS_STRIDE = BigInt(ITS_SIZE);

/** Arguments that make no difference here, but must be numbers. */
const UNUSED_NUMBERS = ['nr_irqs'];

const LARGEST_RAM = 1n << 32n;

/** What `create` asks for. */
export interface CreateOptions {
  readonly version: 2 | 3;
  readonly host: HostConfig;
  readonly vcpus: number;
  readonly interrupts: number;
  /** Guest-physical addresses of the ITSs. */
  readonly itsBases: readonly bigint[];
  readonly initialise: boolean;
  /** The VGIC is created before the vCPUs. */
  readonly vgicFirst: boolean;
  readonly ipaBits: number;
  /** CPU interface accesses outside the guest do entry, access, exit instead of failing. */
  readonly autoEntry: boolean;
  readonly ramBase: bigint;
  readonly ramSize: bigint;
  readonly distributorBase: bigint;
  readonly cpuInterfaceBase: bigint;
  readonly redistributorBase: bigint;
}

/** One virtual machine of a script. */
export interface Slot {
  readonly options: CreateOptions;
  readonly vm: VirtualMachine;
  readonly memory: ScriptMemory;
  /** Pins (INTID - 32) of the SPIs that the guest has ended, as KVM notifies them; the oracle keeps the first ones too. */
  readonly acknowledged: number[];
  /** The routes set by the script, in order; they replace the default ones. */
  routes: Route[];
}

function kvmOf(text: string): KvmCompatibility | undefined {
  try {
    return kvmNamed(text);
  } catch {
    throw new BadField();
  }
}

/** The options of `create`, or undefined for what no machine can be; `kvmOfScript` counts where it names no KVM. */
export function createOptions(request: Request, kvmOfScript?: KvmCompatibility): CreateOptions | undefined {
  const version = request.int('gic', 3);
  const hostVersion = request.int('host_gic', version);
  const listRegisters = request.int('nr_lr', 4);
  const priorityBits = request.int('pri_bits', 5);
  const vcpus = request.int('vcpus', 1);
  const ramBase = request.u64('ram_base', 0x40000000n);
  const ramSize = request.u64('ram_size', 64n << 20n);
  if (ramSize > LARGEST_RAM) throw new BadField();
  for (const name of UNUSED_NUMBERS) request.u64(name, 0n);
  const known = (version === 2 || version === 3) && (hostVersion === 2 || hostVersion === 3) && hostVersion >= version;
  const hardware = listRegisters >= 1 && listRegisters <= 16 && priorityBits >= 5 && priorityBits <= 8;
  const memory = ramSize > 0n && ((ramSize | ramBase) & 0xfffn) === 0n;
  if (!known || !hardware || !memory || vcpus < 1 || vcpus > 512) return undefined;
  const kvm = request.has('kvm') ? kvmOf(request.text('kvm', '')) : kvmOfScript;
  const its = request.int('its', 0);
  if (its < 0 || its > MOST_ITS) return undefined;
  // registers always have the fields that hardware has
  if (!request.flag('ich_mask', true)) return undefined;
  const gicv4 = request.int('gicv4', 0);
  const vsgis = request.flag('vsgi', true);
  if (gicv4 !== 0 && (hostVersion !== 3 || (gicv4 !== 40 && gicv4 !== 41))) return undefined;
  return {
    version,
    host: {
      version: hostVersion,
      listRegisters,
      priorityBits,
      idBits: request.int('id_bits', 0) & 7,
      affinity3: request.flag('a3v', true),
      seis: request.flag('seis', false),
      gicv4: gicv4 === 0 ? undefined : gicv4,
      vsgis,
      kvm,
    },
    vcpus,
    interrupts: request.int('nr_irqs', 256),
    itsBases: itsBases(request, its),
    initialise: request.flag('init', true),
    vgicFirst: request.flag('vgic_first', false),
    ipaBits: request.int('ipa_bits', 40),
    autoEntry: request.flag('auto', false),
    ramBase,
    ramSize,
    distributorBase: request.u64('gicd', 0x08000000n),
    cpuInterfaceBase: request.u64('gicc', 0x08010000n),
    redistributorBase: request.u64('gicr', 0x080a0000n),
  };
}

/** The first ITS is where QEMU's `virt` has it, the others behind each other elsewhere. */
function itsBases(request: Request, count: number): bigint[] {
  const first = request.u64('its_base', DEFAULT_ITS_BASE);
  const next = request.has('its_base') ? first + ITS_STRIDE : 0x0c000000n;
  const others = request.u64('its_base2', next);
  return Array.from({ length: count }, (_, n) => (n === 0 ? first : others + ITS_STRIDE * BigInt(n - 1)));
}

/** `name=value` of each, as in a trace. */
function fieldsOf(fields: Readonly<Record<string, number | boolean>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function sameHost(a: HostConfig, b: HostConfig): boolean {
  return (Object.keys(a) as (keyof HostConfig)[]).every((key) => String(a[key]) === String(b[key]));
}

/** The virtual machines of a script and the host that they share. */
export class Slots {
  readonly #slots: (Slot | undefined)[] = new Array(SLOTS).fill(undefined);
  #host: Host | undefined;
  #interrupts = new PhysicalInterrupts();

  /** @param kvm the KVM that machines have whose `create` names none. */
  constructor(readonly kvm?: KvmCompatibility) {}

  at(slot: number): Slot | undefined {
    return this.#slots[slot];
  }

  /** The host's interrupts; they are reset when a host is set up for the first machine. */
  get hostInterrupts(): PhysicalInterrupts {
    return this.#host?.interrupts ?? this.#interrupts;
  }

  /** What the driver of the host's GICv4 has done since somebody last emptied this. */
  readonly trace: string[] = [];

  #newHost(config: HostConfig): void {
    this.#host = new Host(config);
    const { gicv4Driver } = this.#host;
    if (gicv4Driver === undefined) return;
    const trace = (line: string) => {
      if (this.trace.length < MOST_TRACED) this.trace.push(line);
    };
    const { events } = gicv4Driver;
    events.on('command', (name, fields) => trace(`${name} ${fieldsOf(fields)}`));
    events.on('resident', (vpe, cpu, group0, group1) => {
      trace(`resident ${fieldsOf({ vpe, cpu, group0: group0 !== 0, group1: group1 !== 0 })}`);
    });
    events.on('nonResident', (vpe, doorbell, pendingLast) => {
      trace(`not resident ${fieldsOf({ vpe, doorbell: doorbell !== 0, pendingLast: pendingLast !== 0 })}`);
    });
  }

  /** Creates a machine: 0 or a negative errno, after which there is none. */
  create(slot: number, options: CreateOptions): number {
    if (this.#slots[slot] !== undefined) return -ERRNO.EEXIST;
    if (this.#slots.every((each) => each === undefined)) this.#newHost(options.host);
    const host = this.#host as Host;
    if (!sameHost(host.config, options.host)) return -ERRNO.EBUSY;
    // with its VGIC there a GICv2's ninth vCPU is refused; otherwise the VGIC is
    if (options.vgicFirst && options.version === 2 && options.vcpus > GICV2_MAX_VCPUS) return -ERRNO.EINVAL;
    const memory = ScriptMemory.take(options.ramBase, options.ramSize);
    const { vcpus, ipaBits } = options;
    const vm = new VirtualMachine(host, { vcpus, ipaBits, slot, memory: memory.guest });
    const result =
      vm.createDevice(options.version) ||
      createAllIts(vm, options) ||
      (options.initialise ? initialise(vm, options) : 0);
    if (result !== 0) {
      vm.destroy();
      memory.release();
      return result;
    }
    const acknowledged: number[] = [];
    if (vm.device !== undefined) {
      vm.device.model.events.on('resample', (intid) => {
        if (acknowledged.length < MOST_ACKNOWLEDGED) acknowledged.push(intid - PRIVATE_COUNT);
      });
    }
    this.#slots[slot] = { options, vm, memory, acknowledged, routes: [] };
    return 0;
  }

  destroy(slot: number): number {
    const found = this.#slots[slot];
    if (found === undefined) return -ERRNO.ENODEV;
    found.vm.destroy();
    found.memory.release();
    this.#slots[slot] = undefined;
    return 0;
  }
}

function createAllIts(vm: VirtualMachine, options: CreateOptions): number {
  for (let n = 0; n < options.itsBases.length; n++) {
    const result = vm.createIts();
    if (result < 0) return result;
  }
  return 0;
}

/** What a VMM does with a new device: number of interrupts, addresses, initialisation. */
function initialise(vm: VirtualMachine, options: CreateOptions): number {
  const { version, interrupts, distributorBase, cpuInterfaceBase, redistributorBase } = options;
  const second = version === 2 ? cpuInterfaceBase : redistributorBase;
  const types =
    version === 2
      ? [KVM_VGIC_V2_ADDR_TYPE_DIST, KVM_VGIC_V2_ADDR_TYPE_CPU]
      : [KVM_VGIC_V3_ADDR_TYPE_DIST, KVM_VGIC_V3_ADDR_TYPE_REDIST];
  const control = BigInt(KVM_DEV_ARM_VGIC_CTRL_INIT);
  const steps: [number, bigint, bigint][] = [
    [KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0n, BigInt.asUintN(32, BigInt(interrupts))],
    [KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(types[0]), distributorBase],
    [KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(types[1]), second],
    [KVM_DEV_ARM_VGIC_GRP_CTRL, control, 0n],
  ];
  for (const [group, attr, value] of steps) {
    const result = vm.device?.set(group, attr, { value }) ?? -ERRNO.ENODEV;
    if (result !== 0) return result;
  }
  for (const [n, value] of options.itsBases.entries()) {
    const device = vm.device?.its[n];
    const result =
      device?.set(KVM_DEV_ARM_VGIC_GRP_ADDR, BigInt(KVM_VGIC_ITS_ADDR_TYPE), { value }) ||
      device?.set(KVM_DEV_ARM_VGIC_GRP_CTRL, control, { value });
    if (result) return result;
  }
  return 0;
}
