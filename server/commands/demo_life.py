"""A small made-up life log for the demo: memories, facts, and questions in other words."""

#: Text, date, tags.
MEMORIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Mara moved from Lisbon to Ghent for the job at the harbour authority.", "2025-01-11", ()),
    ("Mara's sister Ines is a pastry chef and has two boys, Tomas and Rui.", "2025-01-19", ()),
    ("The flat is on the third floor without a lift; deliveries go to the bakery below.", "", ()),
    ("Mara is allergic to hazelnuts, not to other nuts.", "2025-02-02", ("health",)),
    ("Bought a second-hand cello from a retired teacher for 900 euros.", "2025-02-15", ("music",)),
    ("Cello lessons with Mr Baert are on Tuesdays at half past six.", "2025-03-04", ("music",)),
    ("Mara reads the news in Portuguese in the morning and in Dutch in the evening.", "", ()),
    ("The old Volvo failed its inspection because of the brakes and was sold.", "2025-03-22", ()),
    ("Since selling the car Mara cycles to the office along the canal.", "2025-04-01", ()),
    ("Mara wants every report to begin with a one-paragraph summary.", "2025-04-09", ("work",)),
    ("Charts in Mara's reports must be readable in black and white.", "2025-04-09", ("work",)),
    ("The tide model was rewritten in Rust because the Python one took nine hours a run.",
     "2025-05-06", ("work",)),
    ("The team decided against Kubernetes: two machines and a shell script are enough.",
     "2025-05-13", ("work",)),
    ("Pieter leads the sensor team and answers fastest by telephone.", "2025-05-20", ("work",)),
    ("Ana found that gauge 14 reads four centimetres high after rain.", "2025-06-03", ("work",)),
    ("Gauge 14 was replaced; readings before 10 June must be corrected.", "2025-06-11", ("work",)),
    ("Mara ran the Ghent half marathon in two hours and four minutes.", "2025-06-15", ("sport",)),
    ("A physiotherapist said the knee pain comes from weak hips, not from the shoes.",
     "2025-07-02", ("health",)),
    ("Holiday in the Azores: whales off Pico, and the hotel lost the booking.", "2025-08-09", ()),
    ("Mara's mother had her hip operated in Coimbra and recovers well.", "2025-08-21", ()),
    ("Mara gave up coffee; green tea until noon is fine.", "2025-09-01", ("health",)),
    ("The library card expires every September and is renewed at the counter only.",
     "2025-09-08", ()),
    ("Dentist: a crown on the lower left molar, back in November.", "2025-10-14", ("health",)),
    ("Mara plays the Elgar slowly at the school concert and forgets one repeat.",
     "2025-12-13", ("music",)),
    ("New Year's resolution: answer letters within a week.", "2026-01-01", ()),
    ("The landlord raised the rent to 1,140 euros from March on.", "2026-01-20", ()),
    ("The heating fails when the outside temperature drops below minus eight.", "2026-02-03", ()),
    ("Mara promised Ines to bake the cake for Rui's baptism herself.", "2026-03-15", ()),
    ("Passport renewed; the old one has a corner cut off.", "2026-04-07", ()),
    ("The talk in Bergen was accepted: tides, gauges and doubt.", "2026-05-05", ("work",)),
    ("Night trains to Bergen are booked by way of Hamburg and Oslo.", "2026-05-19", ()),
    ("Mara prefers aisle seats and never checks in luggage.", "2026-05-19", ()),
    ("The stray cat from the courtyard moved in and is called Fado.", "2026-06-27", ()),
    ("Fado's vet is Dr Claes; the next vaccination is due in June 2027.", "2026-07-08", ()),
    ("The budget for new gauges was cut by a third.", "2026-09-16", ("work",)),
    ("Backups of the tide archive go to a disk in Pieter's cellar every Sunday.",
     "2026-10-04", ("work",)),
)  # fmt: skip

#: Key, value, valid from; later ones replace earlier ones.
FACTS: tuple[tuple[str, object, str], ...] = (
    ("mara.city", "Lisbon", "2019-09-01"),
    ("mara.employer", "Ghent harbour authority", "2025-01-13"),
    ("mara.rent", 1050, "2025-01-11"),
    ("mara.languages", ["Portuguese", "Dutch", "English"], ""),
)

#: The fact that changes while you watch: key, value, valid from, a day before.
CHANGE = ("mara.city", "Ghent", "2025-01-11", "2024-12-24")

#: Question, and a piece of the memory that answers it in other words.
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("Which instrument is she learning?", "cello"),
    ("What food could make her ill?", "hazelnuts"),
    ("Which vehicle takes her to work?", "cycles"),
    ("What pet lives with her?", "cat"),
    ("What is wrong with her home in winter?", "heating"),
    ("What does she drink instead of espresso?", "tea"),
    ("Who keeps copies of our data at home?", "cellar"),
    ("Why did we change the programming language of the simulation?", "nine hours"),
    ("Which measuring instrument was faulty?", "Gauge 14"),
    ("Where on a plane would she like to sit?", "aisle"),
)
