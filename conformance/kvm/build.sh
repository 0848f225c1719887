#!/bin/bash
# Builds vgic-oracle: the VGIC of Linux KVM/arm64 as a user-space program.
#
#   ORACLE_BUILD    build directory            (default: .cache/kvm-vgic at the project's root, git-ignored)
#   ORACLE_TARBALL  linux-source tarball       (default: newest /usr/src/linux-source-6.12*.tar.xz)
#   ORACLE_CFLAGS   optimisation/debug flags   (default: -O2)
#   ORACLE_LOCKS    0 plain, 1 real atomics, 2 checked locks (default: 0)
#   ORACLE_SAN=1    build with address+undefined sanitizers and checked locks
#
# Progress goes to stderr; the last line on stdout is the binary's path.  When the
# sources, the tarball and the flags are those of the last build, nothing is done.
# Builds in the same directory wait for each other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${ORACLE_BUILD:-$(cd "$here/../.." && pwd)/.cache/kvm-vgic}
cflags=${ORACLE_CFLAGS:--O2}
locks=${ORACLE_LOCKS:-0}
name=vgic-oracle
san=
if [ "${ORACLE_SAN:-0}" = 1 ]; then
	san="-fsanitize=address,undefined -fno-sanitize=alignment -fno-omit-frame-pointer -g"
	locks=${ORACLE_LOCKS:-2}
	cflags=${ORACLE_CFLAGS:--O1}
	name=vgic-oracle-san
fi

tarball=${ORACLE_TARBALL:-}
if [ -z "$tarball" ]; then
	tarball=$(ls -1 /usr/src/linux-source-6.12*.tar.xz 2>/dev/null | sort -V | tail -1 || true)
fi
if [ -z "$tarball" ] || [ ! -f "$tarball" ]; then
	echo "build.sh: no kernel source: install the package linux-source-6.12 or set ORACLE_TARBALL" >&2
	exit 2
fi

command -v gcc >/dev/null || { echo "build.sh: no gcc: install the package gcc" >&2; exit 2; }

mkdir -p "$build"
out=$build/$name
[ "$locks" = 1 ] && [ -z "$san" ] && out=$build/$name-atomic
exec 9>"$build/lock"
flock 9
made=$(cd "$here" && cat build.sh ./*.c ./*.h shim/* | sha256sum | cut -d' ' -f1)
made="$made $tarball $(stat -c '%s %Y' "$tarball") $(gcc -dumpfullversion) $cflags $san $locks"
if [ -x "$out" ] && [ "$(cat "$out.made" 2>/dev/null || true)" = "$made" ]; then
	echo "$out"
	exit 0
fi
rm -f "$out.made"
src=$build/linux
stamp=$build/extracted
want="2 $tarball $(stat -c '%s %Y' "$tarball")"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
	echo "extracting from $tarball" >&2
	rm -rf "$src" "$stamp"
	mkdir -p "$src"
	tar -xf "$tarball" -C "$src" --strip-components=1 --wildcards \
		'*/arch/arm64/kvm/vgic' '*/arch/arm64/kvm/vgic-sys-reg-v3.c' \
		'*/arch/arm64/kvm/sys_regs.h' '*/arch/arm64/kvm/hyp/vgic-v3-sr.c' \
		'*/arch/arm64/include' '*/arch/arm64/tools' \
		'linux-source-*/include/kvm' 'linux-source-*/include/linux' \
		'linux-source-*/include/vdso' 'linux-source-*/include/uapi/linux' \
		'linux-source-*/include/uapi/asm-generic' \
		'linux-source-*/lib/xarray.c' 'linux-source-*/lib/radix-tree.h' \
		'linux-source-*/lib/list_sort.c' 'linux-source-*/Makefile' \
		'linux-source-*/drivers/irqchip/irq-gic-v4.c'
	echo "$want" > "$stamp"
fi

# --- headers taken from the kernel as they are
kinc=$build/kinc
fwd=$build/fwd
rm -rf "$kinc" "$fwd"
mkdir -p "$kinc" "$fwd"
take() { mkdir -p "$kinc/$(dirname "$2")"; cp "$src/$1" "$kinc/$2"; }
for h in linux/list.h linux/list_sort.h linux/xarray.h linux/container_of.h \
	 linux/bitfield.h linux/poison.h linux/kconfig.h linux/kasan-tags.h \
	 linux/irqchip/arm-gic.h linux/irqchip/arm-gic-v3.h linux/irqchip/arm-gic-v4.h \
	 linux/irqchip/arm-gic-common.h linux/irqchip/arm-vgic-info.h \
	 kvm/arm_vgic.h kvm/iodev.h; do
	take "include/$h" "$h"
done
take include/uapi/linux/kvm.h linux/kvm.h
take include/uapi/linux/psci.h linux/psci.h
take include/uapi/linux/ioctl.h linux/ioctl.h
take include/uapi/asm-generic/ioctl.h asm/ioctl.h
take include/uapi/asm-generic/errno.h asm-generic/errno.h
take include/uapi/asm-generic/errno-base.h asm-generic/errno-base.h
take arch/arm64/include/uapi/asm/kvm.h asm/kvm.h
take arch/arm64/include/uapi/asm/ptrace.h asm/ptrace.h
take arch/arm64/include/uapi/asm/sve_context.h asm/sve_context.h
take arch/arm64/include/uapi/asm/hwcap.h asm/hwcap.h
for h in sysreg.h esr.h kvm_arm.h gpr-num.h; do
	take "arch/arm64/include/asm/$h" "asm/$h"
done
awk -f "$src/arch/arm64/tools/gen-sysreg.awk" "$src/arch/arm64/tools/sysreg" \
	> "$kinc/asm/sysreg-defs.h"

# --- headers replaced by the shim
fwd() { mkdir -p "$fwd/$(dirname "$2")"; echo "#include \"$1\"" > "$fwd/$2"; }
for h in linux/types.h linux/stddef.h linux/const.h linux/bits.h linux/bug.h \
	 linux/build_bug.h linux/compiler.h linux/err.h linux/errno.h linux/gfp.h \
	 linux/limits.h linux/lockdep.h linux/rcupdate.h linux/sched/mm.h \
	 linux/spinlock.h linux/bitmap.h linux/export.h linux/slab.h linux/kernel.h \
	 linux/string.h linux/stringify.h linux/kref.h linux/mutex.h \
	 linux/static_key.h linux/jump_label.h linux/irqreturn.h linux/interrupt.h \
	 linux/irq.h linux/irqdomain.h linux/ioport.h linux/cpu.h linux/nospec.h \
	 linux/msi.h linux/pid.h linux/sched.h linux/uaccess.h linux/kstrtox.h linux/bsearch.h linux/bitops.h \
	 linux/debugfs.h linux/seq_file.h linux/tracepoint.h linux/kvm_types.h \
	 asm/barrier.h asm/byteorder.h asm/types.h asm/memory.h asm/alternative.h \
	 asm/cputype.h trace/define_trace.h trace/events/kvm.h; do
	fwd okernel.h "$h"
done
for h in linux/kvm_host.h asm/kvm_emulate.h asm/kvm_mmu.h asm/kvm_hyp.h \
	 asm/kvm_asm.h kvm/arm_arch_timer.h hyp/adjust_pc.h \
	 asm/cpufeature.h; do
	fwd okvm.h "$h"
done
# gic_enable_sre() of arm-gic-v3.h needs two accessors it never calls here
cat > "$fwd/asm/arch_gicv3.h" <<'H'
#include "okernel.h"
static inline u32 gic_read_sre(void) { return 1; }
static inline void gic_write_sre(u32 v) { }
H
mkdir -p "$fwd/generated"
cat > "$fwd/generated/autoconf.h" <<'H'
#define CONFIG_64BIT 1
#define CONFIG_KVM 1
#define CONFIG_XARRAY_MULTI 1
H

# --- compile
obj=$build/obj-$name-$locks
mkdir -p "$obj"
gccinc=$(gcc -print-file-name=include)
kflags="-std=gnu11 $cflags $san -nostdinc -isystem $gccinc -D__KERNEL__ -DORACLE_LOCKS=$locks \
	-fno-strict-aliasing -fno-strict-overflow -fno-delete-null-pointer-checks -funsigned-char \
	-Wall -Wno-unused -Wno-pointer-sign -Wno-array-bounds -Wno-format-truncation \
	-Wno-builtin-declaration-mismatch \
	-I$fwd -I$here/shim -I$kinc"
v=$src/arch/arm64/kvm/vgic
pids=()
ck() { # ck SOURCE OBJECT [extra flags]
	gcc $kflags "${@:3}" -c "$1" -o "$obj/$2" & pids+=($!)
}
for f in vgic vgic-init vgic-irqfd vgic-kvm-device vgic-mmio vgic-mmio-v2 \
	 vgic-mmio-v3 vgic-v2 vgic-v3 vgic-v4 vgic-its vgic-debug; do
	# vgic-v4 may take the address of a NULL vCPU's vPE; phys.c reports it
	x=; [ "$f" = vgic-v4 ] && x=${san:+-fno-sanitize=null}
	ck "$v/$f.c" "$f.o" -w $x
done
ck "$src/arch/arm64/kvm/vgic-sys-reg-v3.c" vgic-sys-reg-v3.o -w
ck "$src/arch/arm64/kvm/hyp/vgic-v3-sr.c" vgic-v3-sr.o -w
ck "$src/lib/xarray.c" xarray.o -w
ck "$src/lib/list_sort.c" list_sort.o -w
ck "$src/drivers/irqchip/irq-gic-v4.c" irq-gic-v4.o -w -DCONFIG_ARM64=1
ck "$here/shim/phys.c" phys.o
ck "$here/shim/kenv.c" kenv.o -I"$src/arch/arm64/kvm"
ck "$here/shim/gicv.c" gicv.o
ck "$here/glue.c" glue.o -I"$src/arch/arm64/kvm"
gcc -std=gnu11 $cflags $san -Wall -Wextra -I"$here" -c "$here/main.c" -o "$obj/main.o" & pids+=($!)
rc=0
for p in "${pids[@]}"; do wait "$p" || rc=1; done
[ $rc = 0 ] || { echo "build.sh: compilation failed" >&2; exit 1; }
gcc $cflags $san "$obj"/*.o -o "$out"
echo "kernel: $(awk '/^VERSION|^PATCHLEVEL|^SUBLEVEL/{v=v s $3; s="."} END{print v}' "$src/Makefile") from $tarball" >&2
echo "$made" > "$out.made"
echo "$out"
