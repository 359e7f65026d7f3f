/* One ares_getaddrinfo: cares NAME FAMILY. */
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>

static int done;

static void found(void *unused, int status, int timeouts, struct ares_addrinfo *result)
{
	(void)unused;
	(void)timeouts;
	done = 1;
	if (status != ARES_SUCCESS) {
		printf("ERR %s\n", ares_strerror(status));
		return;
	}
	printf("OK");
	for (struct ares_addrinfo_node *one = result->nodes; one; one = one->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *address = one->ai_family == AF_INET
			? (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr
			: (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
		printf(" %s", inet_ntop(one->ai_family, address, text, sizeof text));
	}
	printf("\n");
	ares_freeaddrinfo(result);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("%s\n", ares_version(NULL));
		return 0;
	}
	ares_channel channel;
	if (argc != 3 || ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 2;
	struct ares_addrinfo_hints hints;
	memset(&hints, 0, sizeof hints);
	hints.ai_family = !strcmp(argv[2], "inet") ? AF_INET : !strcmp(argv[2], "inet6") ? AF_INET6 : AF_UNSPEC;
	hints.ai_flags = ARES_AI_NOSORT;
	ares_getaddrinfo(channel, argv[1], NULL, &hints, found, NULL);
	while (!done) {
		fd_set readable, writable;
		FD_ZERO(&readable);
		FD_ZERO(&writable);
		int count = ares_fds(channel, &readable, &writable);
		if (!count)
			break;
		struct timeval room, *wait = ares_timeout(channel, NULL, &room);
		select(count, &readable, &writable, NULL, wait);
		ares_process(channel, &readable, &writable);
	}
	ares_destroy(channel);
	ares_library_cleanup();
	return 0;
}
