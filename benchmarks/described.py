"""Descriptions and phrases for the ten domains of clinc150, written from their names alone.

They stand for what somebody writes into `mdsa.toml` who has no messages to learn from.
"""

DESCRIBED: dict[str, tuple[str, list[str]]] = {
    "auto_and_commute": (
        "Cars and getting to work: repairs, fuel, traffic and directions",
        [
            "check the tyre pressure",
            "when is my next oil change",
            "how is the traffic on the way to work",
            "directions to the nearest petrol station",
            "how many miles does a full tank last",
            "what does the warning light mean",
            "how long will the drive take",
            "my car will not start",
        ],
    ),
    "banking": (
        "Bank accounts: balances, transfers, payments and cheques",
        [
            "what is my account balance",
            "transfer money to my savings",
            "pay the electricity bill",
            "order new cheques",
            "what is my routing number",
            "why is my account blocked",
            "what is the interest rate of my savings account",
            "show my latest transactions",
        ],
    ),
    "credit_cards": (
        "Credit cards: limits, applications, lost cards, rates and rewards",
        [
            "raise my credit limit",
            "I lost my credit card",
            "apply for a new card",
            "what is my credit score",
            "how many reward points do I have",
            "what is the yearly rate on my card",
            "my card was declined",
            "when does my card expire",
        ],
    ),
    "home": (
        "The household: lists, calendar, reminders, orders and smart devices",
        [
            "add milk to the shopping list",
            "put a meeting on my calendar",
            "turn off the lights in the kitchen",
            "remind me to water the plants",
            "where is my parcel",
            "play some music",
            "what is on my to-do list",
            "order more paper towels",
        ],
    ),
    "kitchen_and_dining": (
        "Cooking and eating out: recipes, ingredients, nutrition and restaurants",
        [
            "how do I cook rice",
            "recipe for pancakes",
            "how many calories are in an apple",
            "book a table for two",
            "a good Italian restaurant nearby",
            "what can I use instead of butter",
            "how long does chicken keep in the fridge",
            "which ingredients go into lasagne",
        ],
    ),
    "meta": (
        "Settings of this assistant itself: its name, voice, language and how it answers",
        [
            "change your name",
            "speak more slowly",
            "switch to Spanish",
            "use a different accent",
            "call me by another name",
            "repeat that please",
            "yes",
            "cancel that",
        ],
    ),
    "small_talk": (
        "Chatting with the assistant for its own sake: greetings, jokes and questions about itself",
        [
            "hello how are you",
            "tell me a joke",
            "who made you",
            "how old are you",
            "do you have hobbies",
            "goodbye",
            "thank you",
            "what is the meaning of life",
        ],
    ),
    "travel": (
        "Trips: flights, hotels, car rental, passports and foreign languages",
        [
            "book a flight to Paris",
            "find me a hotel",
            "how do I say hello in French",
            "do I need a visa for China",
            "which vaccines do I need for Brazil",
            "is my flight on time",
            "rent a car at the airport",
            "what plug do they use in England",
        ],
    ),
    "utility": (
        "Small everyday helpers: time, weather, sums, alarms, definitions and calls",
        [
            "what time is it",
            "set an alarm for seven",
            "what is the weather tomorrow",
            "how much is 15 percent of 80",
            "set a timer for ten minutes",
            "what does this word mean",
            "flip a coin",
            "call my mother",
        ],
    ),
    "work": (
        "Employment matters: holidays from work, pay, taxes, insurance and meetings",
        [
            "how many vacation days do I have left",
            "when is payday",
            "request time off",
            "how do I move my pension",
            "what does my health insurance cover",
            "schedule a meeting with my team",
            "income tax form",
            "who is my manager",
        ],
    ),
}
