"""English scenes of the invented shop “Harbor & Pine”."""

from __future__ import annotations

from qa.demo.script import Phrases, RedLineLine, Scene, Turn


def _c(*lines: str, optional: float = 1.0) -> Turn:
    return Turn("C", lines, optional=optional)


def _a(*lines: str, optional: float = 1.0, **faults: tuple[str, ...]) -> Turn:
    return Turn("A", lines, faults, optional)


_COLD = ("It is all on the page.", "I already told you that.", "Fine.", "Are you going to buy it or not?")
_OFF_POINT = ("Our products are very popular, you know.", "Have you seen our new collection?")

SCENES = (
    Scene(
        "size",
        "presale",
        14,
        (
            _c("Hi, which sizes does the {product} come in?", "Would the {product} fit a small {room}?"),
            _a(
                "It comes in {size} and {size2}. For a small {room} most people choose {size}.",
                "We have {size} and {size2}. How large is your {room}? I can help you choose.",
                wrong_info=("There is only one size, it fits everywhere.",),
                cold=_COLD,
                off_point=_OFF_POINT,
            ),
            _c("About 12 square metres", "Roughly 130 square feet"),
            _a(
                "Then {size} leaves you a comfortable walkway of about 60 cm.",
                "I would take {size}, it leaves space to walk around.",
            ),
            _c("What is it made of?", "Is it solid wood?", optional=0.7),
            _a(
                "The frame is {material} with a water-based finish; the test report is photo 5 on the page.",
                "{material}, and the boards meet the low-emission standard.",
                wrong_info=("All solid oak, no smell at all, guaranteed.",),
                optional=0.7,
            ),
        ),
    ),
    Scene(
        "stock",
        "presale",
        10,
        (
            _c("Is the {color} {product} in stock?", "When does the {color} one ship?"),
            _a(
                "Yes, {color} is in stock. Orders before 4 pm leave the warehouse the same day.",
                "We have {count} left in {color}; ordered today it leaves tomorrow with {carrier}.",
                wrong_info=("Probably, just order it.",),
                cold=_COLD,
            ),
            _c("How long to {city}?", "Delivery time to {city}?"),
            _a(
                "Usually {days} days to {city}; remote areas take a day or two more.",
                "{carrier} takes about {days} days, weather permitting. I will keep an eye on it for you.",
                wrong_info=("Two days, same everywhere.",),
            ),
            _c("Ok, I'll think about it", "Great, ordering now"),
        ),
    ),
    Scene(
        "discount",
        "presale",
        10,
        (
            _c("Any discount on the {product}?", "Do you have a coupon?", "Another store is ${money} cheaper"),
            _a(
                "There is a ${money} coupon on orders above ${money2}; you can collect it on the product page.",
                "You can combine the ${money} store coupon with free shipping this week.",
                wrong_info=("No coupons left, full price.",),
                cold=("No bargaining.", "If it is too expensive, do not buy it."),
            ),
            _c("Will it be cheaper on Black Friday?", optional=0.6),
            _a(
                "I can't know future prices, but if it drops within 7 days of your order you can claim price"
                " protection.",
                wrong_policy=("We never refund price drops.", "Price protection is 30 days, just tell me."),
                optional=0.6,
            ),
            _c("Ok, thanks", "I'll take it"),
        ),
    ),
    Scene(
        "logistics",
        "aftersale",
        16,
        (
            _c("Where is my parcel? Order {order}", "Tracking hasn't moved for three days", "My delivery is late"),
            _a(
                "Let me look up order {order}, one moment please.",
                "I'll check with {carrier} right away.",
                no_check=("It should be on its way, just wait.",),
                cold=("Ask the courier.", "Chasing me will not make it faster."),
            ),
            _a(
                "It reached the {city} hub {day_ago} and was delayed there. I opened request {ticket} with {carrier};"
                " expect it within {days} days.",
                "I confirmed with {carrier}: it goes out for delivery tomorrow and I will check again in the"
                " afternoon.",
                wrong_info=("It says delivered.",),
                off_point=_OFF_POINT,
            ),
            _c("Do I get compensation?", "If it's not here I want a refund", optional=0.8),
            _a(
                "I'm sorry for the delay. If it is not there in {days} days you can choose a refund or a late-delivery"
                " credit, and I will support either.",
                wrong_policy=("We do not compensate delays.",),
                no_empathy=("Then ask for a refund.",),
                optional=0.8,
            ),
        ),
        heated=0.35,
        dispute=0.10,
    ),
    Scene(
        "damaged",
        "aftersale",
        12,
        (
            _c("The {product} arrived broken", "One leg of the {product} is cracked", "There is a big scratch on it"),
            _a(
                "I'm very sorry about that. Could you send a photo of the box and the damage? I will register it at"
                " once.",
                "Sorry for the trouble! A photo of the damage and the label will do, then I can act immediately.",
                no_empathy=("Photo.",),
                no_check=("Just return it.",),
                cold=("You should have checked on delivery.",),
            ),
            _c("[image] here", "Sent three photos"),
            _a(
                "Thank you, that is clearly transport damage. I can send a replacement at our cost, or refund ${money}"
                " if you keep it. Which do you prefer?",
                wrong_policy=("You need to claim that from the courier yourself.",),
                ask_again=("Which order? What is the problem?", "Can you send the photos again?"),
            ),
            _c("Replacement please", "I'll keep it with the refund"),
            _a(
                "Done, reference {ticket}. The new one leaves today and the courier takes the old one back.",
                "Registered as {ticket}; you will see it within {days} days.",
                no_follow_up=("One moment, I'll ask the warehouse.",),
            ),
        ),
        heated=0.45,
        dispute=0.2,
    ),
    Scene(
        "return",
        "aftersale",
        13,
        (
            _c(
                "I'd like to return it",
                "Can I send this back? The {color} looks different",
                "I changed my mind, can I return?",
            ),
            _a(
                "Of course, within 30 days in its original condition. May I ask what did not suit you?",
                "Yes. Please open a return in your order and I will approve it right away.",
                wrong_policy=("Opened boxes cannot be returned.", "There is a 20% restocking fee."),
                cold=("Why? You should have read the description.",),
            ),
            _c("Who pays the shipping?", "Is the return free?"),
            _a(
                "Return shipping is free for faults; otherwise $9 is taken from the refund.",
                wrong_policy=("You pay everything.",),
                off_point=_OFF_POINT,
            ),
            _c("Ok, opened it", "Fine"),
            _a(
                "Approved. The refund follows within {days} working days of arrival.",
                "I have approved it, the label is in your e-mail.",
            ),
        ),
        heated=0.2,
        dispute=0.12,
    ),
    Scene(
        "refund_late",
        "aftersale",
        8,
        (
            _c("Where is my refund?", "I returned it a week ago and no money", "You signed for it {days} days ago"),
            _a(
                "Let me check the return {ticket}, one moment please.",
                "I will look up order {order}.",
                no_check=("Finance is on it.",),
                cold=("It takes as long as it takes.",),
            ),
            _a(
                "It was received {day_ago} and checked today; ${money2} goes back to your card in 1–3 working days.",
                "The warehouse missed the scan. I escalated it and it will be refunded today.",
                wrong_info=("It was refunded, look again.",),
                no_follow_up=("One moment, I'll ask finance.",),
            ),
            _c("You said that last time", "I'll complain if it isn't there", optional=0.8),
            _a(
                "I completely understand. I opened {ticket} as urgent and will write to you by 6 pm today with the"
                " result.",
                no_empathy=("Complain then.",),
                optional=0.8,
            ),
        ),
        heated=0.5,
        dispute=0.16,
    ),
    Scene(
        "address",
        "aftersale",
        6,
        (
            _c("Can I change my address?", "Please send it to {address} instead, {person}, {phone}"),
            _a(
                "It has not left yet, so yes. To confirm: {address}, phone {phone}?",
                no_check=("Done.",),
                wrong_info=("Not possible, cancel and reorder.",),
            ),
            _c("Correct", "Yes, thanks"),
            _a("Changed. You will get a text when it ships."),
        ),
    ),
)

PHRASES = Phrases(
    language="en",
    scenes=SCENES,
    greetings=(
        "Hello and welcome to Harbor & Pine, how can I help?",
        "Hi, this is {nick} from Harbor & Pine. What can I do for you?",
        "Good day, thank you for contacting us!",
    ),
    closings=(
        "Thank you for contacting us, have a lovely day!",
        "You're welcome. Anything else, just write. Goodbye!",
        "Thanks for choosing Harbor & Pine!",
    ),
    rating_invites=(
        "Would you mind rating this chat? Thank you!",
        "You will see a short survey, we'd love your feedback.",
    ),
    apologies=("Sorry to keep you waiting.", "Apologies for the wait.", "I'm sorry for the delay in replying."),
    empathy=(
        "I completely understand how frustrating this is.",
        "I'm truly sorry about this experience, let me put it right.",
        "I hear you, and I'll take care of it.",
    ),
    holds=("One moment please, let me check.", "Please bear with me while I look that up.", "Just a moment."),
    follow_ups=("Thank you for waiting, I found it.", "I have the result now.", "Checked: here is what happened."),
    customer_anger=(
        "This service is terrible!",
        "I've been waiting forever, unacceptable!",
        "I want to make a complaint!",
        "What a joke of a shop",
    ),
    customer_impatience=("Hello?", "Are you there?", "Anyone?", "I already told you, look above", "Still waiting..."),
    customer_thanks=("Thanks", "Great, thank you", "ok thanks 👍", "Perfect"),
    bot_lines=("Hi, I'm the Harbor & Pine assistant. Connecting you to a colleague.", "You are number 2 in the queue."),
    card_lines=("[product card] {product} ${price}", "[order card] {order}"),
    red_lines=(
        RedLineLine(
            "R01",
            ("Are you stupid? Read what I wrote.", "Get lost.", "You people are idiots."),
            ("You are all crooks!",),
        ),
        RedLineLine(
            "R03",
            (
                "Add me on WhatsApp and pay me directly, it's cheaper.",
                "Send the money to my PayPal and skip the platform fee.",
                "Text me on WeChat {wx}, I can do a private deal.",
            ),
            ("Can you go lower?",),
            "presale",
        ),
        RedLineLine(
            "R04",
            (
                "Leave a five-star review and send me the screenshot, I'll refund ${money}.",
                "We give cash back for 5-star reviews.",
            ),
            ("It arrived, thanks",),
        ),
        RedLineLine(
            "R06",
            ("I guarantee it arrives tomorrow, or triple your money back.", "I promise 100% it ships today."),
            ("Can it ship today?",),
        ),
        RedLineLine(
            "R08",
            ("Not my problem, ask the courier.", "There is nothing I can do, read the rules yourself."),
            ("So who is responsible?",),
            "aftersale",
        ),
        RedLineLine(
            "R09",
            ("We have the lowest price on the whole internet.", "It is 100% natural and the best in the world."),
            ("How does it compare?",),
            "presale",
        ),
        RedLineLine("R10", ("Delete your bad review first, then I'll refund you.",), ("I left a review",), "aftersale"),
        RedLineLine(
            "R11",
            ("Send me the verification code from your phone and I'll do the refund.",),
            ("How do I get the refund?",),
            "aftersale",
        ),
    ),
    near_misses=(
        ("C", "Are you stupid or what"),
        ("C", "Can we talk on WhatsApp?"),
        ("A", "I'm afraid we can't move to WhatsApp, but I'm happy to help here."),
        ("A", "We accept PayPal and all major cards at checkout."),
        ("C", "Do you refund for five-star reviews?"),
        ("A", "We don't offer anything in return for reviews."),
        ("A", "Please never share a verification code with anyone."),
        ("A", "If it has not shipped in 48 hours you can cancel free of charge."),
    ),
    hostile_lines=(
        "<script>alert(1)</script> does this show?",
        "=cmd|' /C calc'!A0",
        "**bold** ![x](javascript:alert(1))",
    ),
    slots={
        "product": (
            "oak dining table",
            "cloud sofa",
            "folding desk",
            "stone coffee table",
            "study chair",
            "latex mattress",
            "shoe cabinet",
            "rattan chair",
        ),
        "size": ("120 cm", "140 cm", "two-seat", "90 cm"),
        "size2": ("160 cm", "180 cm", "three-seat", "120 cm"),
        "room": ("living room", "bedroom", "study", "kitchen"),
        "material": ("rubberwood", "ash", "pine", "powder-coated steel"),
        "color": ("natural", "cream", "walnut", "light grey", "forest green"),
        "city": ("Portland", "Denver", "Austin", "Boston", "Chicago"),
        "carrier": ("UPS", "FedEx", "USPS"),
        "count": ("4", "9", "15"),
        "day_ago": ("yesterday", "two days ago", "this morning"),
        "nick": ("Sam", "Ava", "Leo"),
        "money": ("10", "20", "30"),
        "money2": ("199", "399", "649"),
        "price": ("399.00", "649.00", "1,299.00"),
        "days": ("2", "3", "4", "5"),
        "gift": ("cushion", "tablecloth"),
        "warranty": ("two", "five"),
        "floor": ("third", "fourth"),
    },
    rating_comments_good=("Very patient", "Quick and friendly", "Problem solved", ""),
    rating_comments_bad=("Too slow", "Rude", "Not solved", "Had to repeat myself", ""),
)
