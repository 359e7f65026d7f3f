/* Looks names up one after another with this libc's getaddrinfo.
 *
 *   client NAME...     prints a line for each: name, start, end (CLOCK_REALTIME, ns), result (0 or an EAI number),
 *                      addresses; separated by tabs, addresses by commas
 *   client             prints "ready" and waits until its standard input is closed
 *
 * The same source is compiled for glibc and, statically, for musl. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void look_up(const char *name)
{
	struct addrinfo hints, *found = NULL;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	long long start = now();
	int result = getaddrinfo(name, NULL, &hints, &found);
	long long end = now();
	printf("%s\t%lld\t%lld\t%d\t", name, start, end, result);
	for (struct addrinfo *one = result ? NULL : found; one; one = one->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *address = one->ai_family == AF_INET
			? (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr
			: (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
		printf("%s%s", one == found ? "" : ",", inet_ntop(one->ai_family, address, text, sizeof text));
	}
	printf("\n");
	fflush(stdout);
	if (!result)
		freeaddrinfo(found);
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		printf("ready\n");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	for (int i = 1; i < argc; i++)
		look_up(argv[i]);
	return 0;
}
