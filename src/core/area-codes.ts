/** Country and time zones in which an area code of the North American Numbering Plan is used. */
export interface Area {
  readonly country: string;
  readonly zones: readonly string[];
}

const eastern = 'America/New_York';
const central = 'America/Chicago';
const mountain = 'America/Denver';
const arizona = 'America/Phoenix';
const pacific = 'America/Los_Angeles';
const toronto = 'America/Toronto';
const atlantic = 'America/Halifax';
const winnipeg = 'America/Winnipeg';
const edmonton = 'America/Edmonton';
const vancouver = 'America/Vancouver';

/** Zones of the area codes that are not in the table, such as toll-free ones and those that were assigned since. */
export const unknownArea: Area = {
  country: 'US',
  zones: [eastern, central, mountain, arizona, pacific, 'America/Anchorage', 'Pacific/Honolulu'],
};

/** Area codes by country and zones, from the numbering plan's list of area codes by state and province. Several zones: a zone's border crosses the area. */
const groups: readonly (readonly [string, readonly string[], string])[] = [
  [
    'US',
    [eastern],
    `203 475 860 959 302 202 771 239 305 321 324 352 386 407 561 645 656 689 727 728 754 772 786 813 863 904 941 954
     229 404 470 478 678 706 762 770 912 943 260 317 463 765 502 859 207 227 240 301 410 443 667
     339 351 413 508 617 774 781 857 978 231 248 269 313 517 586 616 679 734 810 947 989 603
     201 551 609 640 732 848 856 862 908 973 212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934
     252 336 472 704 743 828 910 919 980 984 216 220 234 283 326 330 380 419 436 440 513 567 614 740 937
     215 223 267 272 412 445 484 570 582 610 717 724 814 835 878 401 803 821 839 843 854 864 865 802
     276 434 540 571 686 703 757 804 826 948 304 681`,
  ],
  ['US', [eastern, central], '219 270 364 423 448 574 606 812 850 906 930'],
  [
    'US',
    [central],
    `205 251 256 334 659 938 327 479 501 870 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872
     319 515 563 641 712 316 913 225 318 337 504 985 218 320 507 612 651 763 924 952 228 471 601 662 769
     235 314 417 557 573 636 660 816 975 402 531 405 539 572 918 615 629 731 901 931
     210 214 254 281 325 346 361 409 430 469 512 621 682 713 726 737 806 817 830 832 903 936 940 945 956 972 979
     262 274 353 414 534 608 715 920`,
  ],
  ['US', [central, mountain], '308 432 580 605 620 701 785'],
  ['US', [mountain], '303 719 720 970 983 406 505 575 385 435 801 307 915'],
  ['US', [mountain, arizona], '928'],
  ['US', [arizona], '480 520 602 623'],
  ['US', [mountain, pacific], '208 458 541 775 986'],
  [
    'US',
    [pacific],
    `209 213 279 310 323 341 350 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 738 747 760
     805 818 820 831 837 840 858 909 916 925 949 951 702 725 503 971 206 253 360 425 509 564`,
  ],
  ['US', ['America/Anchorage', 'America/Adak'], '907'],
  ['US', ['Pacific/Honolulu'], '808'],
  ['PR', ['America/Puerto_Rico'], '787 939'],
  ['VI', ['America/St_Thomas'], '340'],
  ['GU', ['Pacific/Guam'], '671'],
  ['MP', ['Pacific/Saipan'], '670'],
  ['AS', ['Pacific/Pago_Pago'], '684'],
  ['CA', ['America/St_Johns', atlantic], '709'],
  ['CA', [atlantic], '506 782 902 428'],
  ['CA', [toronto, atlantic], '367 418 581 819 873'],
  ['CA', [toronto], '226 249 263 289 343 354 365 382 416 437 438 450 468 514 519 548 579 613 647 683 705 742 753 905 942'],
  ['CA', [toronto, winnipeg], '807'],
  ['CA', [winnipeg], '204 431 584'],
  ['CA', ['America/Regina', edmonton], '306 474 639'],
  ['CA', [edmonton], '368 403 587 780 825'],
  ['CA', [vancouver], '604'],
  ['CA', [vancouver, edmonton], '236 250 257 672 778'],
  ['CA', ['America/Whitehorse', edmonton, winnipeg, toronto], '867'],
];

const areas = new Map(
  groups.flatMap(([country, zones, codes]) => codes.split(/\s+/).map((code): [string, Area] => [code, { country, zones }])),
);

/** Finds the area of a code; null for one that is not in the table. */
export function findArea(code: string): Area | null {
  return areas.get(code) ?? null;
}

/** Lists the codes of the table. */
export function listAreaCodes(): string[] {
  return [...areas.keys()];
}
