"""How customers say that what they were promised was done, or was not: by kind of promise.

Patterns of the Rust regular expressions that Polars reads, linear in the text: no look-around.
"""

from __future__ import annotations

_DONE = {
    "refund": r"(?:退款|钱|款).{0,6}(?:到账了|收到了|退了|已经?到)|(?:已|已经)?收到.{0,4}(?:退款|钱)了?|got (?:the|my) "
    r"(?:refund|money)|refund (?:has )?(?:arrived|come)",
    "compensate": r"(?:红包|补偿|赔偿|运费|钱).{0,6}(?:收到了|到账了|已经?到)|(?:已|已经)收到.{0,4}(?:补偿|红包|钱)|"
    r"got (?:the|my) (?:compensation|money|credit)",
    "ship": r"(?:已经?)?收到(?:货|了|包裹)|货到了|签收了|(?:快递|包裹|东西).{0,4}(?:到了|收到)|(?:it|parcel|package|"
    r"order) (?:has )?arrived|got (?:the|my) (?:parcel|package|order)",
    "replace": r"(?:新的|补发|换).{0,8}(?:收到了|到了)|(?:replacement|new one) (?:has )?arrived",
    "call_back": r"(?:接到|收到)(?:了)?.{0,6}(?:电话|来电|回电|回复)|(?:电话|回复).{0,4}(?:接到了|收到了)|(?:got|"
    r"thanks for|received) (?:the|your|a) (?:call|reply|message|email)",
    "gift": r"(?:赠品|礼物|券).{0,6}(?:收到|到了)|got (?:the|my) (?:gift|voucher|coupon)",
}
_NOT_DONE = {
    "refund": r"(?:还没|没有?|未|怎么不|为什么不).{0,6}(?:退|到账|收到.{0,3}款)|(?:haven['’]?t|not|no|never|"
    r"where['’]?s|where is).{0,24}(?:refund|money)",
    "compensate": r"(?:还没|没有?|未).{0,8}(?:赔|补偿|红包|收到.{0,3}钱|到账)|(?:haven['’]?t|not|no|"
    r"never).{0,24}(?:compensation|credit|money)",
    "ship": r"(?:还没|没有?|未|怎么不|为什么不|一直没|还不).{0,5}(?:发|寄|物流|收到|到货?)|(?:haven['’]?t|not|still|"
    r"never|hasn['’]?t).{0,24}(?:ship|arriv|sent|received|deliver|dispatch)",
    "replace": r"(?:还没|没有?|未|一直没).{0,6}(?:补|换|寄|发|收到)|(?:haven['’]?t|not|still|never|"
    r"hasn['’]?t).{0,24}(?:replac|arriv|sent|received)",
    "call_back": r"(?:没有?人?|还没|一直没).{0,5}(?:联系|回复|回电|打|理|答复|消息)|(?:nobody|no one|never|haven['’]?t|"
    r"not).{0,24}(?:call|contact|repl|heard|answer)",
    "price": r"(?:还没|没有?|未).{0,6}(?:补|退|差价|改|优惠)|(?:haven['’]?t|not|no|never).{0,24}(?:price|differen|"
    r"discount)",
    "gift": r"(?:没有?|没见|未).{0,5}(?:赠|礼|送|券)|(?:no|not|without|never).{0,20}(?:gift|voucher|coupon|sample)",
    "other": r"(?:还没|没有?|未|一直没).{0,6}(?:处理|解决|修|开|人|上门)|(?:haven['’]?t|not|still|never|"
    r"nobody).{0,24}(?:fix|resol|repair|invoice|done)",
}
_THING = {
    "refund": "退|款|钱|refund|money",
    "compensate": "赔|补偿|红包|钱|compensat|credit|money",
    "ship": "发|寄|到|送|ship|arriv|deliver|dispatch",
    "replace": "补|换|寄|发|replac|new one",
    "call_back": "联系|回|电话|答复|call|reply|contact",
    "price": "价|优惠|折|price|discount",
    "gift": "赠|礼|送|券|gift|voucher|coupon",
    "other": "处理|修|票|解决|fix|repair|invoice",
}
_REMINDED = r"(?:说好的?|不是说|答应(?:了|过)?(?:我|的)|you (?:said|promised)).{0,16}"

DONE = {kind: f"(?i){pattern}" for kind, pattern in _DONE.items()}
NOT_DONE = {kind: f"(?i){pattern}|{_REMINDED}(?:{_THING[kind]})" for kind, pattern in _NOT_DONE.items()}
"""What they were reminded of counts as not done: “说好的退款呢”."""
