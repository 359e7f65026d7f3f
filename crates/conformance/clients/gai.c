/* One getaddrinfo of this libc: gai NAME FAMILY. The same source is compiled for glibc and, statically, for musl. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

static const char *word(int code)
{
	switch (code) {
	case EAI_NONAME: return "EAI_NONAME";
	case EAI_AGAIN: return "EAI_AGAIN";
	case EAI_FAIL: return "EAI_FAIL";
#ifdef EAI_NODATA
	case EAI_NODATA: return "EAI_NODATA";
#endif
	case EAI_FAMILY: return "EAI_FAMILY";
	case EAI_SYSTEM: return "EAI_SYSTEM";
	default: return "EAI_OTHER";
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
#ifdef __GLIBC__
		printf("%s\n", gnu_get_libc_version());
#endif
		return 0;
	}
	if (argc != 3)
		return 2;
	struct addrinfo hints, *found = NULL;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_family = !strcmp(argv[2], "inet") ? AF_INET : !strcmp(argv[2], "inet6") ? AF_INET6 : AF_UNSPEC;
	int code = getaddrinfo(argv[1], NULL, &hints, &found);
	if (code) {
		printf("ERR %s\n", word(code));
		return 1;
	}
	printf("OK");
	for (struct addrinfo *one = found; one; one = one->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *address = one->ai_family == AF_INET
			? (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr
			: (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
		printf(" %s", inet_ntop(one->ai_family, address, text, sizeof text));
	}
	printf("\n");
	return 0;
}
