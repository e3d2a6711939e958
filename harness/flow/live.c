#include "flow/live.h"

#include "base/assert.h"

#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

struct live {
	pcap_t *pcap;
	uint64_t n_dropped;
	uint32_t last_drops; /* the kernel's count, which wraps */
	void (*packet)(void *context, const struct packet *packet);
	void *context;
};

/*
 * Link types have a number of their own in libpcap where systems disagree: raw IP is the one that
 * matters.
 */
static uint16_t linktype_of(int datalink)
{
	return datalink == DLT_RAW ? LINKTYPE_RAW : (uint16_t)datalink;
}

static int refuse(pcap_t *pcap, const char *interface, int status, struct error *error)
{
	char program[PATH_MAX] = "shakedown-sniffer";
	const char *why = pcap_geterr(pcap);

	if (why[0] == '\0')
		why = pcap_statustostr(status);
	error_set(error, ERR_ENVIRONMENT, "cannot capture on the interface %s: %s", interface, why);
	if (status != PCAP_ERROR_PERM_DENIED)
		return error->code;
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		program[0] = '\0';
	return error_append(error, "; run \"sudo setcap cap_net_raw+ep %s\" once, or run as root",
	                    program);
}

/* The part that needs rights. */
static int activate(pcap_t *pcap, const char *interface, struct error *error)
{
	int status;

	pcap_set_snaplen(pcap, LIVE_SNAPLEN);
	pcap_set_buffer_size(pcap, LIVE_RING);
	pcap_set_timeout(pcap, LIVE_TIMEOUT_MS);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(pcap);
	return status < 0 ? refuse(pcap, interface, status, error) : 0;
}

static int set_filter(pcap_t *pcap, const char *interface, struct error *error)
{
	struct bpf_program filter;
	int status = pcap_compile(pcap, &filter, "tcp", 1, PCAP_NETMASK_UNKNOWN);

	if (status == 0) {
		status = pcap_setfilter(pcap, &filter);
		pcap_freecode(&filter);
	}
	if (status != 0)
		return error_set(error, ERR_ENVIRONMENT, "cannot filter for TCP on %s: %s",
		                 interface, pcap_geterr(pcap));
	return 0;
}

int live_open(struct live **live, const char *interface, struct error *error)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(interface, why);
	int rc;

	if (pcap == NULL)
		return error_set(error, ERR_ENVIRONMENT, "cannot capture on the interface %s: %s",
		                 interface, why);
	rc = activate(pcap, interface, error);
	if (rc == 0)
		rc = set_filter(pcap, interface, error);
	if (rc == 0 && pcap_setnonblock(pcap, 1, why) != 0)
		rc = error_set(error, ERR_ENVIRONMENT, "cannot capture on the interface %s: %s",
		               interface, why);
	if (rc != 0) {
		pcap_close(pcap);
		return rc;
	}
	*live = calloc(1, sizeof(**live));
	CHECK(*live != NULL);
	(*live)->pcap = pcap;
	return 0;
}

int live_fd(const struct live *live)
{
	return pcap_get_selectable_fd(live->pcap);
}

uint16_t live_linktype(const struct live *live)
{
	return linktype_of(pcap_datalink(live->pcap));
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct live *live = (struct live *)user;
	/* The capture was asked for nanoseconds, which come in tv_usec. */
	struct packet packet = {
		.t_ns = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec,
		.linktype = live_linktype(live),
		.data = {data, header->caplen},
		.original_len = header->len,
	};

	live->packet(live->context, &packet);
}

int live_read(struct live *live, void (*packet)(void *context, const struct packet *packet),
              void *context, struct error *error)
{
	live->packet = packet;
	live->context = context;
	if (pcap_dispatch(live->pcap, -1, on_packet, (u_char *)live) < 0)
		return error_set(error, ERR_ENVIRONMENT, "the capture broke off: %s",
		                 pcap_geterr(live->pcap));
	return 0;
}

uint64_t live_dropped(struct live *live)
{
	struct pcap_stat stat;

	if (pcap_stats(live->pcap, &stat) == 0) {
		live->n_dropped += stat.ps_drop - live->last_drops;
		live->last_drops = stat.ps_drop;
	}
	return live->n_dropped;
}
