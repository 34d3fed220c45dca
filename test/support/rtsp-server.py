"""GStreamer's RTSP server on 127.0.0.1: rtsp-server.py PORT FILE USER PASSWORD

Gives the H.264 of an MP4 file at /gate to clients that log in by Digest, interleaved over TCP and in no other way.
"""

import sys
from ctypes import CDLL, c_char_p, c_size_t, c_void_p

gst = CDLL("libgstreamer-1.0.so.0")
rtsp = CDLL("libgstrtspserver-1.0.so.0")
glib = CDLL("libglib-2.0.so.0")

port, file, user, password = (argument.encode() for argument in sys.argv[1:])
boolean, string, true = c_size_t(5 << 2), c_size_t(16 << 2), c_size_t(1)
by_digest, by_tcp = 2, 4


def make(function, *arguments):
    """What a constructor gives, as a pointer of the whole length."""
    made = getattr(rtsp, function)
    made.restype = c_void_p
    return c_void_p(made(*arguments))


gst.gst_init(None, None)
server = make("gst_rtsp_server_new")
rtsp.gst_rtsp_server_set_address(server, b"127.0.0.1")
rtsp.gst_rtsp_server_set_service(server, port)

factory = make("gst_rtsp_media_factory_new")
rtsp.gst_rtsp_media_factory_set_launch(
    factory, b"( filesrc location=%s ! qtdemux ! rtph264pay name=pay0 pt=96 config-interval=-1 )" % file
)
rtsp.gst_rtsp_media_factory_set_protocols(factory, by_tcp)
rights = (b"media.factory.access", boolean, true, b"media.factory.construct", boolean, true)
rtsp.gst_rtsp_media_factory_add_role(factory, b"viewer", *rights, None)
rtsp.gst_rtsp_mount_points_add_factory(
    make("gst_rtsp_server_get_mount_points", server), b"/gate", factory
)

auth = make("gst_rtsp_auth_new")
rtsp.gst_rtsp_auth_set_supported_methods(auth, by_digest)
token = make("gst_rtsp_token_new", b"media.factory.role", string, c_char_p(b"viewer"), None)
rtsp.gst_rtsp_auth_add_digest(auth, user, password, token)
rtsp.gst_rtsp_server_set_auth(server, auth)

if rtsp.gst_rtsp_server_attach(server, None) == 0:
    sys.exit("The port cannot be taken.")
print("ready", flush=True)
glib.g_main_loop_new.restype = c_void_p
glib.g_main_loop_run(c_void_p(glib.g_main_loop_new(None, 0)))
