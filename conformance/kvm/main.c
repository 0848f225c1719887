/*
 * main.c - JSON-lines front end of vgic-oracle: one flat object per line on
 * stdin, one object per line on stdout, in order.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "okapi.h"

int oracle_vprint(const char *f, va_list ap);
void oracle_die(const char *msg);
int oracle_vprint(const char *f, va_list ap) { return vfprintf(stderr, f, ap); }

/* ------------------------------------------------------------------ output */
static char *ob;
static size_t on, ocap;
static void need(size_t n)
{
	if (on + n + 1 > ocap) {
		ocap = (on + n + 1) * 2;
		ob = realloc(ob, ocap);
		if (!ob)
			abort();
	}
}
static void out(const char *f, ...) __attribute__((format(printf, 1, 2)));
static void out(const char *f, ...)
{
	va_list ap;
	int n;

	need(512);
	va_start(ap, f);
	n = vsnprintf(ob + on, 512, f, ap);
	va_end(ap);
	on += n < 512 ? n : 511;
}
static void out_str(const char *s)
{
	need(strlen(s) * 6 + 2);
	ob[on++] = '"';
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\') {
			ob[on++] = '\\';
			ob[on++] = c;
		} else if (c < 32) {
			on += sprintf(ob + on, "\\u%04x", c);
		} else {
			ob[on++] = c;
		}
	}
	ob[on++] = '"';
	ob[on] = 0;
}
static void key(const char *k)
{
	if (on && ob[on - 1] != '{')
		out(",");
	out("\"%s\":", k);
}
static void out_raw(const char *s)
{
	size_t n = strlen(s);

	need(n + 1);
	memcpy(ob + on, s, n + 1);
	on += n;
}
static void kv_int(const char *k, long long v) { key(k); out("%lld", v); }
static void kv_hex(const char *k, ou64 v) { key(k); out("\"0x%llx\"", v); }
static void kv_str(const char *k, const char *v) { key(k); out_str(v); }
static void kv_dbl(const char *k, double v) { key(k); out("%.3f", v); }

void oracle_die(const char *msg)
{
	on = 0;
	out("{");
	kv_str("fatal", msg);
	out("}");
	puts(ob);
	fflush(stdout);
	fprintf(stderr, "%s\n", msg);
	abort();
}

ou64 ok_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ou64)t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* ------------------------------------------------------------------- input */
#define MAXF 64
static struct { char *k, *v; char type; } fld[MAXF];	/* s string, n number, b bool/null */
static int nf;

static char *skip(char *p) { while (isspace((unsigned char)*p)) p++; return p; }

static char *str_tok(char *p, char **s)		/* in place, p just after the quote */
{
	char *w = p;

	*s = p;
	while (*p && *p != '"') {
		if (*p == '\\') {
			p++;
			switch (*p) {
			case 'n': *w++ = '\n'; break;
			case 't': *w++ = '\t'; break;
			case 'u':
				if (strlen(p) < 5)
					return NULL;
				*w++ = '?';
				p += 4;
				break;
			case 0: return NULL;
			default: *w++ = *p;
			}
			p++;
		} else {
			*w++ = *p++;
		}
	}
	if (*p != '"')
		return NULL;
	*w = 0;
	return p + 1;
}

static int parse(char *p)
{
	nf = 0;
	p = skip(p);
	if (*p++ != '{')
		return -1;
	p = skip(p);
	if (*p == '}')
		return *skip(p + 1) ? -1 : 0;
	for (;;) {
		char *e;

		if (nf == MAXF || *p++ != '"' || !(p = str_tok(p, &fld[nf].k)))
			return -1;
		p = skip(p);
		if (*p++ != ':')
			return -1;
		p = skip(p);
		if (*p == '"') {
			fld[nf].type = 's';
			if (!(p = str_tok(p + 1, &fld[nf].v)))
				return -1;
			e = p;
		} else {
			fld[nf].v = p;
			e = p;
			while (*e && *e != ',' && *e != '}' && !isspace((unsigned char)*e))
				e++;
			if (e == p || *p == '[' || *p == '{')
				return -1;
			fld[nf].type = isalpha((unsigned char)*p) ? 'b' : 'n';
		}
		p = skip(e);
		nf++;
		if (*p == ',') {
			if (fld[nf - 1].type != 's')
				*e = 0;
			p = skip(p + 1);
			continue;
		}
		if (*p != '}')
			return -1;
		if (fld[nf - 1].type != 's')
			*e = 0;
		return *skip(p + 1) ? -1 : 0;
	}
}

static int find(const char *k)
{
	int i;

	for (i = 0; i < nf; i++)
		if (!strcmp(fld[i].k, k))
			return i;
	return -1;
}
static int has(const char *k) { return find(k) >= 0; }
static const char *gets_(const char *k, const char *d)
{
	int i = find(k);

	return i < 0 || fld[i].type != 's' ? d : fld[i].v;
}
static int bad_field;
static ou64 getu(const char *k, ou64 d)
{
	int i = find(k);
	char *e;
	ou64 v;

	if (i < 0)
		return d;
	if (fld[i].type == 'b')
		return !strcmp(fld[i].v, "true");
	errno = 0;
	if (fld[i].v[0] == '-')
		v = (ou64)strtoll(fld[i].v, &e, 0);
	else
		v = strtoull(fld[i].v, &e, 0);
	if (*e || e == fld[i].v || errno)
		bad_field = 1;
	return v;
}
static int geti(const char *k, int d) { return (int)getu(k, (ou64)(long long)d); }

/* ---------------------------------------------------------------- commands */
static void result(int r)
{
	if (r == OK_EUNDEF) {
		kv_int("err", -EPERM);
		key("undef");
		out("true");
	} else if (r < 0) {
		kv_int("err", r);
	} else {
		kv_int("ret", r);
	}
}

static void put_hw(const struct ok_hw *h)
{
	int i;

	kv_int("used", h->used);
	key("lrs");
	out("[");
	for (i = 0; i < h->nr_lr; i++)
		out("%s\"0x%llx\"", i ? "," : "", h->lr[i]);
	out("]");
	kv_hex("hcr", h->hcr);
	kv_hex("vmcr", h->vmcr);
	kv_hex("misr", h->misr);
	kv_hex("eisr", h->eisr);
	kv_hex("elrsr", h->elrsr);
	if (h->v2) {
		kv_hex("apr", h->ap1r[0]);
	} else {
		key("ap0r");
		out("[\"0x%x\",\"0x%x\",\"0x%x\",\"0x%x\"]", h->ap0r[0], h->ap0r[1], h->ap0r[2], h->ap0r[3]);
		key("ap1r");
		out("[\"0x%x\",\"0x%x\",\"0x%x\",\"0x%x\"]", h->ap1r[0], h->ap1r[1], h->ap1r[2], h->ap1r[3]);
	}
	key("in_guest");
	out(h->in_guest ? "true" : "false");
	key("loaded");
	out(h->loaded ? "true" : "false");
}

static void put_acked(void)
{
	unsigned a[64];
	int i, n = ok_acked(a, 64);

	if (!n)
		return;
	key("acked");
	out("[");
	for (i = 0; i < n; i++)
		out("%s%u", i ? "," : "", a[i]);
	out("]");
}

static void fill_cfg(struct ok_cfg *c)
{
	c->gic = geti("gic", 3);
	c->host_gic = geti("host_gic", c->gic);
	c->vcpus = geti("vcpus", 1);
	c->nr_irqs = geti("nr_irqs", 256);
	c->nr_lr = geti("nr_lr", 4);
	c->pri_bits = geti("pri_bits", 5);
	c->id_bits = geti("id_bits", 0);
	c->a3v = geti("a3v", 1);
	c->seis = geti("seis", 0);
	c->its = geti("its", 0);
	c->init = geti("init", 1);
	c->vgic_first = geti("vgic_first", 0);
	c->ipa_bits = geti("ipa_bits", 40);
	c->auto_entry = geti("auto", 0);
	c->ich_mask = geti("ich_mask", 1);
	c->gicv4 = geti("gicv4", 0);
	c->vsgi = geti("vsgi", c->gicv4 == 41);
	c->ram_base = getu("ram_base", 0x40000000);
	c->ram_size = getu("ram_size", 64 << 20);
	c->dist_base = getu("gicd", 0x08000000);
	c->cpu_base = getu("gicc", 0x08010000);
	c->redist_base = getu("gicr", 0x080a0000);
	c->its_base = getu("its_base", 0x08080000);
	c->its_base2 = getu("its_base2", has("its_base") ? c->its_base + 0x20000 : 0x0c000000);
}

static int hexval(int c)
{
	if (c >= '0' && c <= '9') return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void command(const char *op)
{
	int vcpu = geti("vcpu", 0), r;
	ou64 v = getu("value", 0);
	struct ok_hw hw;

	if (bad_field)
		goto inval;

	if (!strcmp(op, "create")) {
		struct ok_cfg c;

		fill_cfg(&c);
		if (bad_field || c.ram_size > (4ull << 30))
			goto inval;
		r = ok_create(&c);
		result(r);
		if (!r && c.its) {
			int i;

			key("its");
			out("[");
			for (i = 0; i < c.its; i++)
				out("%s\"0x%llx\"", i ? "," : "", i ? c.its_base2 + 0x20000ull * (i - 1) : c.its_base);
			out("]");
		}
	} else if (!strcmp(op, "destroy")) {
		result(ok_destroy());
	} else if (!strcmp(op, "reset")) {
		struct ok_cfg c;

		r = ok_config(&c);
		if (!r)
			r = ok_destroy();
		if (!r)
			r = ok_create(&c);
		result(r);
	} else if (!strcmp(op, "create_its")) {
		result(ok_create_its());
	} else if (!strcmp(op, "mmio_read") || !strcmp(op, "mmio_write")) {
		int w = op[5] == 'w';
		ou64 a = getu("addr", 0);
		int len = geti("len", 4);

		if (bad_field || !has("addr") || (w && !has("value")))
			goto inval;
		r = ok_mmio(vcpu, a, len, &v, w);
		if (!r && !w)
			kv_hex("value", v);
		else
			result(r);
	} else if (!strcmp(op, "get_attr") || !strcmp(op, "set_attr") || !strcmp(op, "has_attr")) {
		int o = op[0] == 'g' ? 0 : op[0] == 's' ? 1 : 2;
		int null = o == 1 && !has("value");
		ou64 g = getu("group", 0), a = getu("attr", 0);

		if (bad_field)
			goto inval;
		r = ok_attr(gets_("dev", "vgic"), o, g, a, null ? NULL : &v);
		result(r);
		if (!o && r >= 0)
			kv_hex("value", v);
	} else if (!strcmp(op, "irq_line")) {
		const char *t = gets_("type", "spi");
		unsigned irq = geti("irq", 0);
		int level = geti("level", 0);

		if (bad_field || !has("irq") || !has("level") || (strcmp(t, "spi") && strcmp(t, "ppi")))
			goto inval;
		result(ok_irq_line(t[0] == 'p', vcpu, irq, level));
	} else if (!strcmp(op, "msi")) {
		ou64 db = getu("doorbell", 0x08080000 + 0x10040);
		unsigned dev = getu("devid", 0), data = getu("data", 0);

		if (bad_field)
			goto inval;
		result(ok_msi(db, has("devid"), dev, data));
	} else if (!strcmp(op, "irqfd")) {
		unsigned gsi = getu("gsi", 0);
		int level = geti("level", 1);

		if (bad_field)
			goto inval;
		result(ok_irqfd(gsi, level));
	} else if (!strcmp(op, "set_route")) {
		const char *t = gets_("type", "spi");
		unsigned gsi = getu("gsi", 0), pin = getu("pin", 0), data = getu("data", 0), dev = getu("devid", 0);
		ou64 db = getu("doorbell", 0x08080000 + 0x10040);

		if (bad_field)
			goto inval;
		result(ok_set_route(gsi, t[0] == 'm', pin, db, data, dev));
	} else if (!strcmp(op, "map_phys") || !strcmp(op, "unmap_phys")) {
		unsigned irq = getu("irq", 0), hirq = getu("host_irq", irq);

		if (bad_field || !has("irq"))
			goto inval;
		result(op[0] == 'm' ? ok_map_phys(vcpu, irq, hirq) : ok_unmap_phys(vcpu, irq));
	} else if (!strcmp(op, "host_irq")) {
		unsigned hirq = getu("host_irq", 0);
		int st = (geti("line", 0) ? 1 : 0) | (geti("active", 0) ? 2 : 0) | (geti("pending", 0) ? 4 : 0);

		if (bad_field || !has("host_irq"))
			goto inval;
		r = ok_host_irq(hirq, has("line") | has("active") << 1 | has("pending") << 2, &st);
		if (r) {
			result(r);
		} else {
			kv_int("line", st & 1);
			kv_int("active", st >> 1 & 1);
			kv_int("pending", st >> 2 & 1);
		}
		if (!r && (r = ok_host_not_v4(hirq, has("v4") ? !geti("v4", 1) : -1)) >= 0)
			kv_int("v4", !r);
	} else if (!strcmp(op, "set_forwarding") || !strcmp(op, "unset_forwarding")) {
		unsigned hirq = getu("host_irq", 0), dev = getu("devid", 0), data = getu("data", getu("eventid", 0));
		ou64 db = getu("doorbell", 0x08080000 + 0x10040);

		if (bad_field || !has("host_irq"))
			goto inval;
		result(op[0] == 's' ? ok_set_forwarding(hirq, db, dev, data)
				    : ok_unset_forwarding(hirq, has("devid"), db, dev, data));
	} else if (!strcmp(op, "device_msi")) {
		static const char *const name[] = { "none", "vlpi", "irqfd" };
		unsigned hirq = getu("host_irq", 0);
		int via;

		if (bad_field || !has("host_irq"))
			goto inval;
		r = ok_device_msi(hirq, &via);
		result(r);
		if (r >= 0)
			kv_str("via", name[via]);
	} else if (!strcmp(op, "wfi")) {
		int p;

		r = ok_wfi(vcpu, &p);
		result(r);
		if (!r) {
			key("pending");
			out(p ? "true" : "false");
		}
	} else if (!strcmp(op, "vcpu_cpu")) {
		int cpu = geti("cpu", -1), old;

		if (bad_field)
			goto inval;
		r = ok_vcpu_cpu(vcpu, cpu, &old);
		result(r);
		if (!r)
			kv_int("was", old);
	} else if (!strcmp(op, "phys")) {
		char *t, *l, *p;
		unsigned lost;

		r = geti("log", 1);
		if (bad_field)
			goto inval;
		ok_phys(has("vcpu") ? vcpu : -1, r, &t, &l, &lost);
		if (on && ob[on - 1] != '{')
			out(",");
		out_raw(t);
		if (r) {
			key("log");
			out("[");
			for (p = l; p && *p; ) {
				char *e = strchr(p, '\n');

				*e = 0;
				if (p != l)
					out(",");
				out_str(p);
				p = e + 1;
			}
			out("]");
		}
		if (lost)
			kv_int("log_dropped", lost);
		free(t);
		free(l);
	} else if (!strcmp(op, "load")) {
		result(ok_load(vcpu));
	} else if (!strcmp(op, "put")) {
		result(ok_put(vcpu));
	} else if (!strcmp(op, "flush")) {
		r = ok_flush(vcpu, &hw);
		if (r)
			result(r);
		else
			put_hw(&hw);
	} else if (!strcmp(op, "sync")) {
		r = ok_sync(vcpu, geti("put", 1), &hw);
		if (r) {
			result(r);
		} else {
			put_hw(&hw);
			put_acked();
		}
	} else if (!strcmp(op, "hw")) {
		r = ok_hw(vcpu, &hw);
		if (r)
			result(r);
		else
			put_hw(&hw);
	} else if (!strcmp(op, "pending")) {
		int p;
		unsigned long k;
		ou64 q;

		r = ok_pending(vcpu, &p, &k, &q);
		if (r) {
			result(r);
		} else {
			key("pending");
			out(p ? "true" : "false");
			kv_int("kicks", k);
		}
	} else if (!strcmp(op, "icc_read") || !strcmp(op, "icc_write") || !strcmp(op, "icc_sgi")) {
		int w = op[4] != 'r';

		if (w && !has("value"))
			goto inval;
		r = ok_icc(vcpu, gets_("reg", w ? "ICC_SGI1R_EL1" : ""), &v, w);
		if (!r && !w)
			kv_hex("value", v);
		else
			result(r);
	} else if (!strcmp(op, "running")) {
		result(ok_running(vcpu, geti("on", 1)));
	} else if (!strcmp(op, "mem_read")) {
		ou64 a = getu("addr", 0), len = getu("len", 8), i;
		unsigned char *b;

		if (bad_field || len > (64 << 20))
			goto inval;
		b = malloc(len + 1);
		r = ok_mem(a, len, b, 0);
		if (r) {
			result(r);
		} else {
			key("hex");
			need(len * 2 + 2);
			ob[on++] = '"';
			for (i = 0; i < len; i++)
				on += sprintf(ob + on, "%02x", b[i]);
			ob[on++] = '"';
			ob[on] = 0;
		}
		free(b);
	} else if (!strcmp(op, "mem_write")) {
		ou64 a = getu("addr", 0);
		const char *h = gets_("hex", "");
		size_t n = strlen(h) / 2, i, rep = getu("repeat", 1);
		unsigned char *b;

		if (bad_field || strlen(h) & 1 || (n && rep > (64u << 20) / n))
			goto inval;
		b = malloc(n + 1);
		for (i = 0; i < n; i++) {
			int hi = hexval(h[2 * i]), lo = hexval(h[2 * i + 1]);

			if (hi < 0 || lo < 0) {
				free(b);
				goto inval;
			}
			b[i] = hi << 4 | lo;
		}
		for (r = 0, i = 0; !r && i < rep; i++)
			r = ok_mem(a + i * n, n, b, 1);
		free(b);
		result(r);
	} else if (!strcmp(op, "mem_copy")) {
		unsigned from = getu("from", 0);

		if (bad_field || from >= OK_MAX_VMS)
			goto inval;
		result(ok_mem_copy(from));
	} else if (!strcmp(op, "vgic_state")) {
		char *t;

		r = ok_vgic_state(&t);
		if (r)
			result(r);
		else
			kv_str("text", t ? t : "");
		free(t);
	} else if (!strcmp(op, "verbose")) {
		ok_set_verbose(geti("on", 1));
		result(0);
	} else if (!strcmp(op, "bench")) {
		struct ok_metric m[8];
		struct ok_bench b = {
			.kind = gets_("kind", ""), .n = getu("n", 100000), .gic = geti("gic", 3),
			.vcpus = geti("vcpus", 1), .nr_lr = geti("nr_lr", 4),
			.devs = geti("devs", 32), .events = geti("events", 32), .k = geti("k", 64),
			.loadput = geti("loadput", 0),
		};
		int i;

		if (bad_field || b.n < 1 || b.k < 1)
			goto inval;
		r = ok_bench(&b, m, 8);
		if (r < 0) {
			result(r);
		} else {
			kv_str("kind", b.kind);
			kv_int("n", b.n);
			for (i = 0; i < r; i++)
				kv_dbl(m[i].name, m[i].v);
		}
	} else {
		kv_int("err", -ENOSYS);
		kv_str("msg", "unknown op");
	}
	return;
inval:
	kv_int("err", -EINVAL);
	kv_str("msg", "bad or missing argument");
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned warn;

	while (getline(&line, &cap, stdin) > 0) {
		char *p = skip(line);
		ou64 vm;

		if (!*p || *p == '#')
			continue;
		on = 0;
		out("{");
		bad_field = 0;
		if (parse(p)) {
			kv_int("err", -EBADMSG);
			kv_str("msg", "not a flat JSON object");
		} else {
			if (has("id")) {
				int i = find("id");

				key("id");
				if (fld[i].type != 'n')
					out_str(fld[i].v);
				else
					out("%s", fld[i].v);
			}
			vm = getu("vm", 0);
			if (vm >= OK_MAX_VMS) {
				kv_int("err", -EINVAL);
			} else {
				ok_select(vm);
				command(gets_("op", ""));
				ok_checkpoint(&warn);
				if (warn)
					kv_int("warnings", warn);
			}
		}
		out("}");
		puts(ob);
		/* one write for a batch of commands, but never wait with an answer unsent */
		if (stdin->_IO_read_ptr == stdin->_IO_read_end)
			fflush(stdout);
	}
	fflush(stdout);
	free(line);
	free(ob);
	for (warn = 0; warn < OK_MAX_VMS; warn++) {
		ok_select(warn);
		if (ok_alive())
			ok_destroy();
	}
	return 0;
}
