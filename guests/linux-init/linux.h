/*
 * The part of Linux's interface that this program uses, with its numbers: system calls of arm64 (the kernel's
 * documented userspace ABI, the same for every 64-bit port newer than 2012), ioctls, flags and structures.
 */
#ifndef LINUX_H
#define LINUX_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum system_call {
  SYS_IOCTL = 29,
  SYS_MKDIRAT = 34,
  SYS_MOUNT = 40,
  SYS_OPENAT = 56,
  SYS_CLOSE = 57,
  SYS_READ = 63,
  SYS_WRITE = 64,
  SYS_PREAD64 = 67,
  SYS_PWRITE64 = 68,
  SYS_PPOLL = 73,
  SYS_FSYNC = 82,
  SYS_CLOCK_GETTIME = 113,
  SYS_REBOOT = 142,
  SYS_UNAME = 160,
  SYS_SOCKET = 198,
  SYS_CONNECT = 203,
  SYS_SENDTO = 206,
  SYS_RECVFROM = 207,
  SYS_FINIT_MODULE = 273,
};

enum errno {
  EAGAIN = 11,
  EEXIST = 17,
};

enum {
  AT_FDCWD = -100,
  O_RDONLY = 0,
  O_WRONLY = 1,
  O_RDWR = 2,
  O_DIRECT = 0x10000, /* arm's own value, not the generic one */
  CLOCK_MONOTONIC = 1,
  POLLIN = 1,
};

/* reboot: two magic numbers and what to do. */
enum {
  REBOOT_MAGIC = 0xfee1dead,
  REBOOT_MAGIC_2 = 672274793,
  REBOOT_RESTART = 0x01234567,
  REBOOT_POWER_OFF = 0x4321fedc,
};

enum {
  AF_INET = 2,
  SOCK_STREAM = 1,
  SOCK_DGRAM = 2,
  SOCK_RAW = 3,
  IPPROTO_ICMP = 1,
  MSG_DONTWAIT = 0x40,
};

enum {
  TCGETS = 0x5401,
  TCSETS = 0x5402,
  TERMIOS_ECHO = 8,
  SIOCSIFFLAGS = 0x8914,
  SIOCSIFADDR = 0x8916,
  SIOCSIFNETMASK = 0x891c,
  IFF_UP = 1,
};

struct timespec {
  long seconds;
  long nanoseconds;
};

struct pollfd {
  int fd;
  short events;
  short revents;
};

struct termios {
  u32 input, output, control, local;
  u8 line, characters[19];
};

struct utsname {
  char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65];
};

/* Port and address are in network order: most significant byte first. */
struct sockaddr_in {
  u16 family;
  u16 port;
  u32 address;
  u8 zero[8];
};

struct ifreq {
  char name[16];
  union {
    struct sockaddr_in address;
    short flags;
    u8 bytes[24];
  };
};

/* Answers the kernel's result: -errno, or what the call gives. */
static inline long call(enum system_call number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;

  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}

static inline long open_file(const char *path, int flags) {
  return call(SYS_OPENAT, AT_FDCWD, (long)path, flags, 0, 0, 0);
}

static inline long read_file(int fd, void *buffer, u64 size) {
  return call(SYS_READ, fd, (long)buffer, (long)size, 0, 0, 0);
}

static inline long write_file(int fd, const void *buffer, u64 size) {
  return call(SYS_WRITE, fd, (long)buffer, (long)size, 0, 0, 0);
}

static inline long close_file(int fd) {
  return call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static inline long control(int fd, u32 request, void *argument) {
  return call(SYS_IOCTL, fd, request, (long)argument, 0, 0, 0);
}

static inline u16 swap16(u16 value) {
  return (u16)(value << 8 | value >> 8);
}

#endif
