## A gateway by PCP (RFC 6887) that does what a test tells it, at any moment: falls silent, starts anew with nothing
## remembered, gets another external address, grants what it likes.
extends Node

const VERSION := 2
const OPCODE_MAP := 1
const RESPONSE := 0x80
const HEADER_SIZE := 24

var socket := PacketPeerUDP.new()
var external_address := "81.2.69.142"
## The longest that it grants, in seconds.
var longest := 7200
var is_silent := false

var _started := Time.get_ticks_msec()


func _init() -> void:
	socket.bind(0, "127.0.0.1")


## What names it as a gateway.
func url() -> String:
	return "pcp://127.0.0.1:%d" % socket.get_local_port()


func restart() -> void:
	_started = Time.get_ticks_msec()


func _process(_delta: float) -> void:
	while socket.get_available_packet_count() > 0:
		var request := socket.get_packet()
		if is_silent or request.size() < HEADER_SIZE or request[0] != VERSION:
			continue
		socket.set_dest_address(socket.get_packet_ip(), socket.get_packet_port())
		socket.put_packet(_answer(request))


func _answer(request: PackedByteArray) -> PackedByteArray:
	var answer := request.duplicate()
	answer[1] |= RESPONSE
	answer[2] = 0
	answer[3] = 0
	_put(answer, 4, mini(_number(request, 4, 4), longest), 4)
	_put(answer, 8, (Time.get_ticks_msec() - _started) / 1000, 4)
	for index in range(12, HEADER_SIZE):
		answer[index] = 0
	if request[1] == OPCODE_MAP:
		# The suggested port, else the internal one; and the address as IPv6 writes it.
		var port := _number(request, 42, 2)
		_put(answer, 42, port if port > 0 else _number(request, 40, 2), 2)
		var numbers := external_address.split(".")
		for index in 16:
			answer[44 + index] = 0 if index < 10 else 255 if index < 12 else int(numbers[index - 12])
	return answer


func _number(bytes: PackedByteArray, offset: int, size: int) -> int:
	var number := 0
	for index in size:
		number = number << 8 | bytes[offset + index]
	return number


func _put(bytes: PackedByteArray, offset: int, number: int, size: int) -> void:
	for index in size:
		bytes[offset + index] = number >> 8 * (size - 1 - index) & 0xFF
