/* count_packets: the yardstick: counts the packets of a capture with libpcap, and nothing else. */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *capture = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
	struct pcap_pkthdr *header;
	const unsigned char *data;
	unsigned long n = 0;

	if (capture == NULL) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	while (pcap_next_ex(capture, &header, &data) == 1)
		n++;
	pcap_close(capture);
	printf("%lu packets\n", n);
	return 0;
}
