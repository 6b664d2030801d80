"""People and programs told what concerns them: robots of chat groups, mail, signed webhooks; with a log of every
notice."""

from qa.notify.channels import Channel, ChannelView, add, change, channels, pause, reseal, resume
from qa.notify.events import AREAS, EVENTS, KINDS, STATES
from qa.notify.outbox import collect, deadlines
from qa.notify.sending import NoticeLine, deliver, log, replay, test

__all__ = [
    "AREAS",
    "EVENTS",
    "KINDS",
    "STATES",
    "Channel",
    "ChannelView",
    "NoticeLine",
    "add",
    "change",
    "channels",
    "collect",
    "deadlines",
    "deliver",
    "log",
    "pause",
    "replay",
    "reseal",
    "resume",
    "test",
]
