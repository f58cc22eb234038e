/*
 * The least a program can do to open a port, as a yardstick for Portcullis's cold start. It believes whatever
 * it is told and tries everything once: nobody should use it.
 *
 *   bare search LOCAL_ADDRESS PORT   one M-SEARCH, one GET of the first LOCATION, one AddPortMapping
 *   bare url DESCRIPTION_URL PORT    one GET, one AddPortMapping
 *   bare pcp GATEWAY PORT [FILE]     one PCP MAP; what is asked for is safe in FILE before
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char IGD[] = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

struct url {
    char host[64], path[512];
    int port;
};

static void fail(const char *step) {
    fprintf(stderr, "bare: %s failed\n", step);
    exit(1);
}

static void put(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= size)
        fail("formatting");
}

static struct url parse(const char *text) {
    struct url url;
    if (sscanf(text, "http://%63[^:/]:%d%511[^ \r\n]", url.host, &url.port, url.path) != 3)
        fail("parsing the LOCATION");
    return url;
}

/* The LOCATION of the first answer to one search. */
static struct url search(const char *local) {
    char buffer[2048];
    struct sockaddr_in from = {.sin_family = AF_INET}, group = {.sin_family = AF_INET, .sin_port = htons(1900)};
    struct timeval wait = {.tv_sec = 3};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, local, &from.sin_addr);
    inet_pton(AF_INET, "239.255.255.250", &group.sin_addr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
        fail("binding");
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from.sin_addr, sizeof from.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    put(buffer, sizeof buffer,
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", IGD);
    if (sendto(fd, buffer, strlen(buffer), 0, (struct sockaddr *)&group, sizeof group) < 0)
        fail("searching");
    ssize_t length = recv(fd, buffer, sizeof buffer - 1, 0);
    if (length <= 0)
        fail("waiting for an answer");
    buffer[length] = '\0';
    close(fd);
    for (char *line = buffer; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, "LOCATION:", 9) == 0)
            return parse(line + 9 + strspn(line + 9, " "));
    }
    fail("finding a LOCATION");
    abort();
}

/* Sends one request and reads until the gateway closes. Our own address towards it is left in `own`. */
static void exchange(const struct url *url, const char *request, char *reply, size_t size, char *own) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)url->port)}, from;
    socklen_t from_length = sizeof from;
    size_t used = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, url->host, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connecting");
    getsockname(fd, (struct sockaddr *)&from, &from_length);
    inet_ntop(AF_INET, &from.sin_addr, own, INET_ADDRSTRLEN);
    if (send(fd, request, strlen(request), 0) < 0)
        fail("sending");
    for (ssize_t got; used < size - 1 && (got = recv(fd, reply + used, size - 1 - used, 0)) > 0;)
        used += (size_t)got;
    reply[used] = '\0';
    close(fd);
    if (strncmp(reply, "HTTP/1.", 7) != 0 || strncmp(reply + 8, " 200", 4) != 0)
        fail("request");
}

static void keep(const char *file, const unsigned char *packet, size_t length) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, packet, length) != (ssize_t)length || fdatasync(fd) != 0)
        fail("keeping what is asked for");
    close(fd);
}

/* One MAP request of RFC 6887 (sections 7.1 and 11.1), and its answer. */
static void map(const char *gateway, int port, const char *file) {
    unsigned char packet[1100] = {2, 1, 0, 0, 0, 0, 14, 16};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5351)}, from;
    socklen_t from_length = sizeof from;
    struct timeval wait = {.tv_sec = 3};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, gateway, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connecting");
    getsockname(fd, (struct sockaddr *)&from, &from_length);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    /* The client's address and the suggested external one, as IPv4 is written in IPv6. */
    packet[18] = packet[19] = packet[54] = packet[55] = 0xff;
    memcpy(packet + 20, &from.sin_addr, 4);
    if (getentropy(packet + 24, 12) != 0)
        fail("making a nonce");
    packet[36] = IPPROTO_UDP;
    packet[40] = packet[42] = (unsigned char)(port >> 8);
    packet[41] = packet[43] = (unsigned char)port;
    if (file != NULL)
        keep(file, packet, 60);
    if (send(fd, packet, 60, 0) != 60)
        fail("sending");
    ssize_t length = recv(fd, packet, sizeof packet, 0);
    if (length < 60 || packet[1] != 0x81 || packet[3] != 0)
        fail("mapping");
    close(fd);
}

int main(int count, char **arguments) {
    static char reply[65536], request[4096], body[2048];
    char own[INET_ADDRSTRLEN], type[128];
    if ((count == 4 || count == 5) && strcmp(arguments[1], "pcp") == 0) {
        map(arguments[2], atoi(arguments[3]), arguments[4]);
        return 0;
    }
    if (count != 4)
        fail("reading the arguments");
    struct url url = strcmp(arguments[1], "search") == 0 ? search(arguments[2]) : parse(arguments[2]);
    int port = atoi(arguments[3]);

    put(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n", url.path, url.host,
        url.port);
    exchange(&url, request, reply, sizeof reply, own);
    char *service = strstr(reply, "urn:schemas-upnp-org:service:WANIPConnection:");
    char *control = service == NULL ? NULL : strstr(service, "<controlURL>");
    if (control == NULL || sscanf(service, "%127[^<]", type) != 1 || sscanf(control, "<controlURL>%511[^<]", url.path) != 1)
        fail("finding the service");

    put(body, sizeof body,
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
        "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:AddPortMapping xmlns:u=\"%s\">"
        "<NewRemoteHost></NewRemoteHost><NewExternalPort>%d</NewExternalPort><NewProtocol>UDP</NewProtocol>"
        "<NewInternalPort>%d</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled>"
        "<NewPortMappingDescription>bare</NewPortMappingDescription><NewLeaseDuration>3600</NewLeaseDuration>"
        "</u:AddPortMapping></s:Body></s:Envelope>\r\n",
        type, port, port, own);
    put(request, sizeof request,
        "POST %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
        "SOAPAction: \"%s#AddPortMapping\"\r\nContent-Length: %zu\r\n\r\n%s",
        url.path, url.host, url.port, type, strlen(body), body);
    exchange(&url, request, reply, sizeof reply, own);
    return 0;
}
