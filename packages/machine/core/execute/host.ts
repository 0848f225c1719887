/** What the core asks of the board. 64-bit values: low half as argument or result, high half in HIGH. */

@external("host", "mmioRead")
export declare function mmioRead(vcpu: u32, address: f64, size: u32): u32;

@external("host", "mmioWrite")
export declare function mmioWrite(vcpu: u32, address: f64, size: u32, low: u32, high: u32): void;

@external("host", "systemRegisterRead")
export declare function systemRegisterRead(vcpu: u32, encoding: u32): u32;

@external("host", "systemRegisterWrite")
export declare function systemRegisterWrite(vcpu: u32, encoding: u32, low: u32, high: u32): void;

@external("host", "timerChanged")
export declare function timerChanged(vcpu: u32): void;
